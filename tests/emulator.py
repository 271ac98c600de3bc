"""AWS's Runtime Interface Emulator with fastext in /opt/extensions, without Docker.

A private mount namespace lays /opt/extensions over the machine's own /opt, or gives everything a
root of its own; nothing outside of it sees that. A namespace of processes makes sure that all of
them end with the emulator.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from dev.service import ROOT, free_port

BINARY = ROOT / ".cache" / "aws-lambda-rie"
FUNCTION = ROOT / "tests" / "function"


class Emulator:
    """The emulator, started by the shell command `command` in namespaces of its own.

    `command` has `%s` where the emulator's own arguments go.
    """

    def __init__(self, command: str, environ: Mapping[str, str], log_level: str = "info") -> None:
        if not BINARY.exists():
            pytest.skip("the emulator is not here; `make test` fetches it")
        namespace = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        if os.geteuid() != 0:
            namespace.append("--map-root-user")
        tried = subprocess.run([*namespace, "true"], capture_output=True, check=False)
        if tried.returncode:
            pytest.skip(f"no private mount namespace here: {tried.stderr.decode().strip()}")
        port = free_port()
        self._url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        self.log = ""
        self._grown = threading.Condition()
        arguments = (
            f"--log-level {log_level} --runtime-interface-emulator-address 127.0.0.1:{port} "
            f"--runtime-api-address 127.0.0.1:{free_port()}"
        )
        self.process = subprocess.Popen(
            [*namespace, "sh", "-c", command % arguments],
            # The emulator gives its own environment to the function and to extensions.
            env={"PATH": os.environ["PATH"], "AWS_LAMBDA_FUNCTION_TIMEOUT": "30", **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._read_log, daemon=True).start()
        self._wait_until_it_answers(port)

    def _read_log(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                with self._grown:
                    self.log += line.decode(errors="replace")
                    self._grown.notify_all()

    def _wait_until_it_answers(self, port: int) -> None:
        import socket

        until = time.monotonic() + 20
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                return
            time.sleep(0.02)
        pytest.fail(f"the emulator did not start:\n{self.log}")

    def wait_for_log(self, text: str, timeout_s: float = 20.0) -> None:
        with self._grown:
            assert self._grown.wait_for(lambda: text in self.log, timeout_s), self.log

    def invoke(self, event: Mapping[str, object]) -> object:
        """What the function answers to `event`."""
        request = urllib.request.Request(self._url, json.dumps(event).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def shut_down(self) -> None:
        """Let the emulator send SHUTDOWN and end."""
        pid = self.process.pid  # unshare's; the emulator is its only child
        (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(int(child), signal.SIGTERM)
        self.process.wait(20)

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)


class BesideThisMachine(Emulator):
    """The emulator with the file `extension` linked into /opt/extensions under its own name."""

    def __init__(self, folder: Path, extension: Path, environ: Mapping[str, str]) -> None:
        (folder / "extensions").mkdir()
        (folder / "extensions" / extension.name).symlink_to(extension)
        super().__init__(
            f"mount -t overlay overlay -o lowerdir={folder}:/opt /opt && "
            f"exec {BINARY} %s {FUNCTION / 'bootstrap'}",
            {"FUNCTION_PYTHON": sys.executable, **environ},
        )
