"""fastext as a process of its own, its log, and requests to it."""

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from dev.service import free_port

COMMAND = Path(sys.executable).with_name("fastext")
FEATURES = "/applications/shop/environments/production/configurations/features"

# What the machine's own environment must not bring into a test.
# Variables that are given under their own name.
PLAIN = ("AWS_", "SSL_", "FASTEXT_", "PYTHON", "LD_", "FAKETIME_", "NO_FAKE_STAT", "MALLOC_")
_FOREIGN = re.compile(
    r"AWS_|FASTEXT_(?!MINISTACK)|SSL_CERT|REQUESTS_CA|CURL_CA|.*_proxy$|POLL_|PREFETCH|HTTP_"
    "|PYTHONDONTWRITEBYTECODE",  # by which every start compiles all modules
    re.I,
)


class Reply:
    """A complete answer: `status`, header `fields` by lower-case name, and `content`."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.fields = {name.lower(): value for name, value in answer.getheaders()}
        self.content = answer.read()


class Program:
    """A running fastext. Variables are given without the prefix of the Lambda extension."""

    def __init__(
        self,
        arguments: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
        command: Sequence[str | Path] = (COMMAND,),
    ) -> None:
        self.port = free_port()
        environ = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
        environ |= {
            "AWS_ACCESS_KEY_ID": "AKIAFASTEXT",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        }
        given = {"HTTP_PORT": str(self.port), "LOG_LEVEL": "debug", **(variables or {})}
        for name, value in given.items():
            plain = name.startswith(PLAIN) or name.lower().endswith("_proxy")
            environ[name if plain else f"AWS_APPCONFIG_EXTENSION_{name}"] = value
        self.log = ""
        self._grown = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen(
            [*command, *arguments],
            env={name: value for name, value in environ.items() if value},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        threading.Thread(target=self._read_log, daemon=True).start()

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                with self._grown:
                    self.log += line.decode()
                    self._grown.notify_all()
        with self._grown:
            self._ended = True
            self._grown.notify_all()

    def wait_for_log(self, pattern: str, count: int = 1, timeout_s: float = 20.0) -> None:
        """Return when the log matches `pattern` `count` times. Raises AssertionError."""
        with self._grown:
            self._grown.wait_for(
                lambda: len(re.findall(pattern, self.log)) >= count or self._ended, timeout_s
            )
            found = len(re.findall(pattern, self.log))
        assert found >= count, f"{found} of {count} times {pattern!r} in:\n{self.log}"

    def wait_serving(self) -> "Program":
        self.wait_for_log("serving on localhost")
        return self

    def request(
        self, target: str, method: str = "GET", timeout_s: float = 20.0, **fields: str
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request(method, target, headers=fields)
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def get(self, target: str = FEATURES, **fields: str) -> Reply:
        return self.request(target, "GET", 20.0, **fields)

    def wait(self, timeout_s: float = 10.0) -> int:
        """The exit status, when the process has ended."""
        return self.process.wait(timeout_s)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
