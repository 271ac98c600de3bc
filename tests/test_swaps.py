"""Documents that are replaced under load: no reply may be torn, mixed or older than one before."""

import http.client
import json
import threading

from program import FEATURES

ION = "application/ion; type=AWS.AppConfig.FeatureFlags"
VERSIONS = 40
CLIENTS = 6


def plain(version):
    """Every flag of one version says so; the document is too large for one packet."""
    flags = {f"flag{number}": {"enabled": True, "of": version} for number in range(1000)}
    return json.dumps(flags).encode()


def varied(version):
    value = '"{\\"_variant\\":\\"%s\\",\\"enabled\\":true,\\"of\\":%d}"'
    return (
        f'flag7::[A::[(eq $x "1"), {value % ("A", version)}], {value % ("B", version)}]\n'
        f'flag8::"{{\\"enabled\\":true,\\"of\\":{version}}}"'
    ).encode()


class Readers:
    """Threads that read until the end, and check each reply against all that came before."""

    def __init__(self, port):
        self._port = port
        self._ended = threading.Event()
        self._latest = 0  # the newest version that any reply has had
        self.faults = []
        self.replies = 0
        self._threads = [
            threading.Thread(target=self._read, args=(number,), daemon=True)
            for number in range(CLIENTS)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        for thread in self._threads:
            thread.join(30)

    def at_least(self, version):
        """Whoever asks from now on must get `version` or a later one."""
        self._latest = max(self._latest, version)

    def _read(self, number):
        kept_alive = number % 2 == 0
        targets = [FEATURES, f"{FEATURES}?flag=flag7", f"{FEATURES}?flag=flag8&flag=flag7"]
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        turn = number
        while not self._ended.is_set() and len(self.faults) < 3:
            turn += 1
            fields = {} if kept_alive else {"Connection": "close"}
            if turn % 3 == 0:
                fields["Context"] = "x=1"
            if turn % 5 == 0:
                fields["X-Trace"] = str(turn)
            before = self._latest
            try:
                connection.request("GET", targets[turn % len(targets)], headers=fields)
                reply = connection.getresponse()
                self._check(reply, reply.read(), before, "x" if "Context" in fields else "")
            except (OSError, http.client.HTTPException, ValueError) as fault:
                self.faults.append(repr(fault))
            if not kept_alive:
                connection.close()
        connection.close()

    def _check(self, reply, content, before, context):
        tree = json.loads(content)
        flags = tree.values() if "of" not in tree else [tree]
        versions = {flag["of"] for flag in flags}
        told = int(reply.headers["Version-Label"])
        variants = {flag["_variant"] for flag in flags if "_variant" in flag}
        if reply.status != 200 or versions != {told}:
            self.faults.append(f"version {told} has the content of {versions}")
        elif variants and variants != {"A" if context else "B"}:
            self.faults.append(f"variants {variants} for context {context!r}")
        elif told < before:
            self.faults.append(f"version {told} after {before}")
        self.at_least(told)
        self.replies += 1


def test_no_reply_is_older_than_one_before_nor_of_two_versions(start, appconfig, lambda_api):
    appconfig.next_poll_interval_s = 0
    key = ("shop", "production", "features")
    appconfig.deploy(*key, plain(1), "application/json", version_label="1")
    program = start(
        AWS_LAMBDA_RUNTIME_API=lambda_api.address,
        AWS_ENDPOINT_URL=appconfig.url,
        PREFETCH_LIST=":".join(key),
        POLL_INTERVAL_SECONDS="1us",
        LOG_LEVEL="info",
    )
    lambda_api.wait_next(1)
    with Readers(program.port) as readers:
        for version in range(2, VERSIONS + 1):
            content, kind = (plain, "application/json") if version % 3 else (varied, ION)
            appconfig.deploy(*key, content(version), kind, version_label=str(version))
            lambda_api.invoke()
            # The line is written in the turn of the loop that swaps the documents: who asks from
            # now on gets this version or a later one.
            program.wait_for_log("updated cache data", version - 1)
            readers.at_least(version)
            lambda_api.wait_next(version)
    assert readers.faults == []
    assert readers.replies > VERSIONS
    assert f'"of": {VERSIONS}'.encode() in program.get().content
