"""Starts ministack, an AppConfig service that is independent of this project, on loopback."""

import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMAND = ROOT / ".venv-service" / "bin" / "ministack"


class ServiceFailed(Exception):
    """The service did not start; the message holds the end of its log."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Service:
    """A running service at `url`; its state lives in a folder that goes with it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="fastext-service-")
        self._log = Path(self._folder.name) / "log"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [COMMAND],
                cwd=self._folder.name,
                env={
                    **os.environ,
                    # Without it the service listens on every interface.
                    "BIND_HOST": "127.0.0.1",
                    "GATEWAY_PORT": str(port),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self, timeout_s: float = 60.0) -> None:
        """Return when the service answers. Raises ServiceFailed."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until and self.process.poll() is None:
            try:
                urllib.request.urlopen(self.url + "/_ministack/health", timeout=5).close()
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.05)  # there is no event to wait for across processes
        raise ServiceFailed(f"ministack did not start:\n{self.log_tail()}")

    def log_tail(self, lines: int = 15) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._folder.cleanup()
