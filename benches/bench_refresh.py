"""What a refresh costs: readers while a large document is replaced, and CPU of a poll."""

import http.client
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from benches import ROOT
from benches.bench_startup import CLIENTS, CONFIGURATION
from benches.harness import clients, machine, statistics
from benches.harness.clients import Requests
from benches.harness.documents import (
    KEY_PREFIX,
    SMALL,
    flag_name,
    request,
    sized_document,
    target,
)
from benches.harness.model import Outcome
from benches.harness.servers import CREDENTIALS, Server, WrongAnswer
from benches.harness.suite import Case, Context, Group
from benches.harness.upstream import AppConfig, secure_app_config

GROUP = "refresh"
LARGE_BYTES = 2 * 2**20
READS_PER_S = 1000
WINDOWS = 20  # of a second each; in each of them the document is replaced once
ASKED_EVERY_S = 0.1
POLL_ROUNDS = 11
POLLS = 100
TIMEOUT_S = 120.0
PLAIN = "plain botocore"


def versions() -> Iterator[bytes]:
    """Ever new versions of one large document of flags."""
    document = sized_document(LARGE_BYTES)
    place = document.rindex(b'"text":"') + len(b'"text":"')
    number = 0
    while True:
        digits = b"%08d" % number
        yield document[:place] + digits + document[place + len(digits) :]
        number += 1


class Replacing:
    """Deploys a new version every second, and asks for a flag of it ten times a second.

    It counts the versions that have reached a reader.
    """

    def __init__(self, context: Context, server: Server) -> None:
        self.seen: set[bytes] = set()
        self._service = context.servers.service
        self._server = server
        self._versions = versions()
        self._ended = threading.Event()
        self.deploy()

    def deploy(self) -> None:
        self._service.deploy(*KEY_PREFIX, "large", next(self._versions))

    def run(self, active: bool) -> None:
        """To be called on a thread; ends with `end`."""
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port)
        next_at = time.monotonic() + 1
        while not self._ended.wait(ASKED_EVERY_S) and active:
            if time.monotonic() >= next_at:
                self.deploy()
                next_at += 1
            connection.request("GET", target("large", ("padding", flag_name(1))))
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200:
                raise WrongAnswer(f"{answer.status} {content[:200]!r}")
            self.seen.add(content)
        connection.close()

    def end(self) -> None:
        self._ended.set()


def stalls(case: str, context: Context) -> Iterator[Outcome]:
    """The longest of a thousand small reads a second, in each second."""
    context.servers.service.next_poll_interval_s = 1
    windows = context.rounds(WINDOWS)
    for subject, active in (("nothing replaced", False), ("2 MB replaced", True)):
        server = context.servers.fastext(
            {"AWS_APPCONFIG_EXTENSION_POLL_INTERVAL_SECONDS": "1s" if active else "1h"}
        )
        small = target(f"bytes-{SMALL}")
        server.check(small, context.servers.documents[f"bytes-{SMALL}"])
        replacing = Replacing(context, server)
        server.get(target("large", (flag_name(1),)))
        with Requests([request(small)]) as requests, ThreadPoolExecutor(2) as threads:
            asking = threads.submit(replacing.run, active)
            reading = threads.submit(
                clients.round_trips, server.port, "keep", READS_PER_S * windows, requests,
                context.other_core, 1_000_000_000 // READS_PER_S,
            )  # fmt: skip
            samples = reading.result()
            replacing.end()
            asking.result()
        server.stop()
        if active and len(replacing.seen) < windows // 2:
            raise WrongAnswer(f"{len(replacing.seen)} versions seen in {windows} s")
        seconds = [
            sorted(samples[start : start + READS_PER_S])
            for start in range(0, len(samples), READS_PER_S)
        ]
        longest = [reads[-1] / 1e6 for reads in seconds]
        p99s = [statistics.percentile(reads, 99) for reads in seconds]
        yield statistics.measure(GROUP, case, subject, "ns", samples, samples)
        yield statistics.measure(GROUP, f"{case}, p99 of a second", subject, "ns", p99s)
        yield statistics.measure(GROUP, f"{case}, longest of a second", subject, "ms", longest)
        if active:
            yield statistics.absolute(GROUP, case, subject, longest, "refresh.stall")
    for _ in range(windows):
        context.step()


def poll_ns(kind: str, environ: Mapping[str, str], core: int) -> float:
    """CPU nanoseconds of a poll by a new process."""
    command = [sys.executable, "-m", "benches.anchors.poll_client", kind, str(POLLS)]
    with machine.on_core(core):
        done = subprocess.run(command, capture_output=True, cwd=ROOT, env=environ,
                              timeout=TIMEOUT_S, check=False)  # fmt: skip
    if done.returncode:
        raise WrongAnswer(f"{kind}: {done.stderr.decode(errors='replace')[-1000:]}")
    return float(done.stdout)


def polls(case: str, close_each: bool, context: Context) -> Iterator[Outcome]:
    """Polls that find nothing new: fastext's clients beside a plain botocore client."""
    with secure_app_config(close_each=close_each) as (service, bundle):
        service.deploy(*KEY_PREFIX, CONFIGURATION, sized_document(10 * 1024))
        environ = poll_environ(service, str(bundle))
        turns = {PLAIN: partial(poll_ns, PLAIN, environ, context.server_core)}
        for client in CLIENTS:
            turns[client] = partial(poll_ns, client, environ, context.server_core)
        given = statistics.interleaved(turns, context.rounds(POLL_ROUNDS), context.step)
    for name, values in given.items():
        yield statistics.measure(GROUP, case, name, "ns", values)
        if name != PLAIN:
            figure = "poll.direct" if name == "direct" and not close_each else ""
            yield statistics.compare(GROUP, case, name, PLAIN, values, given[PLAIN], figure)


def poll_environ(service: AppConfig, bundle: str) -> dict[str, str]:
    return {**machine.plain_environ(), **CREDENTIALS, "AWS_ENDPOINT_URL": service.url,
            "AWS_CA_BUNDLE": bundle}  # fmt: skip


WARM, COLD = "poll, connection kept", "poll, a connection each"

CASES = (
    Case("2 MB replaced", partial(stalls, "2 MB replaced"), WINDOWS, needs_two_cores=True),
    Case(WARM, partial(polls, WARM, False), POLL_ROUNDS),
    Case(COLD, partial(polls, COLD, True), POLL_ROUNDS),
)

REFRESH = Group(GROUP, "readers while a document is replaced; CPU of a poll", CASES)
