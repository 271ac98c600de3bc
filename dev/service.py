"""Starts ministack, an AppConfig service that is independent of this project, on loopback."""

import http.client
import os
import socket
import tempfile
import time
from pathlib import Path

from dev import process

ROOT = Path(__file__).resolve().parent.parent

# Where the service is, if not where `make` puts it.
COMMAND = Path(
    os.environ.get("FASTEXT_MINISTACK") or ROOT / ".venv-service" / "bin" / "ministack"
).absolute()

START_TIMEOUT_S = 60.0  # it takes half a second, and a loaded machine may take long


class ServiceFailed(Exception):
    """The service did not start; the message holds the end of its log."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int, path: str) -> bool:
    """Whether a server on this machine answers `GET path`, with any status.

    Goes straight to the port: urllib would follow the proxies of the developer's environment.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


class Service:
    """A running service at `url`; its state lives in a folder that goes with it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="fastext-service-")
        self._log = Path(self._folder.name) / "log"
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        environ = {
            **os.environ,
            # Without it the service listens on every interface.
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self._port),
        }
        with self._log.open("wb") as log:
            self.process = process.start([COMMAND], environ, Path(self._folder.name), log)

    def wait(self) -> None:
        """Return when the service answers. Raises ServiceFailed."""
        until = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < until and self.process.poll() is None:
            if answers(self._port, "/_ministack/health"):
                return
            time.sleep(0.05)  # there is no event to wait for across processes
        raise ServiceFailed(f"ministack did not start:\n{self.log_tail()}")

    def log_tail(self, lines: int = 15) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        process.end(self.process)
        self._folder.cleanup()
