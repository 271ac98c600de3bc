"""fastext and the servers that it is held against, all serving the same documents.

Each is started when it is first asked for, on the core for servers, and is ended with the group
of benchmarks that uses it.
"""

import contextlib
import http.client
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from fakes.appconfig import FakeAppConfig

from benches import ROOT
from benches.harness import build, machine
from benches.harness.documents import KEY_PREFIX, target
from dev import process
from dev.service import free_port

FASTEXT = "fastext"
NGINX, NGINX_DEFERRED, NGINX_NO_SENDFILE = "nginx", "nginx, deferred", "nginx, no sendfile"
EPOLL = "epoll in C"
UVICORN, GRANIAN, AIOHTTP = "uvicorn", "granian", "aiohttp"

START_TIMEOUT_S = 60.0

# What a server that is started for a benchmark is never to wait for.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAFASTEXT",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}


class WrongAnswer(Exception):
    """A server does not give the document that it is to be timed with."""


class Server:
    """A running server: its port and its process."""

    def __init__(self, name: str, port: int, started: process.Process, log: Path) -> None:
        self.name = name
        self.port = port
        self._process = started
        self._log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu_ns(self) -> int:
        return machine.cpu_ns(self.pid)

    def rss_bytes(self) -> int:
        return machine.rss_bytes(self.pid)

    def get(self, target: str) -> bytes:
        """The content of a 200. Raises WrongAnswer for any other status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_TIMEOUT_S)
        try:
            connection.request("GET", target)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise WrongAnswer(f"{self.name}: {target}: {answer.status} {content[:200]!r}")
        return content

    def check(self, target: str, content: bytes) -> None:
        """Raises WrongAnswer unless `target` has `content`."""
        if self.get(target) != content:
            raise WrongAnswer(f"{self.name}: {target}: not the document that was deployed")

    def wait(self) -> "Server":
        """Return when it listens. Raises WrongAnswer with the end of its log."""
        until = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/ping")
                connection.getresponse().read()
                connection.close()
                return self
            time.sleep(0.02)  # no event tells across processes
        tail = self._log.read_text(errors="replace")[-2000:]
        raise WrongAnswer(f"{self.name} did not start:\n{tail}")

    def stop(self) -> None:
        process.end(self._process)


def fastext_environ(port: int, service_url: str, variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of a fastext; `variables` are by their full names."""
    return {
        **machine.plain_environ(),
        **CREDENTIALS,
        "AWS_APPCONFIG_EXTENSION_HTTP_PORT": str(port),
        "AWS_APPCONFIG_EXTENSION_POLL_INTERVAL_SECONDS": "1h",
        "AWS_ENDPOINT_URL": service_url,
        **variables,
    }


def listens(port: int, options: str) -> str:
    """nginx's directives to listen where fastext does: names may lead to ::1 first."""
    hosts = ["127.0.0.1"]
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        hosts.append("[::1]")
    return " ".join(f"listen {host}:{port}{options};" for host in hosts)


class Servers:
    """The servers of one group, by name; a context that ends them all."""

    def __init__(self, documents: Mapping[str, bytes], core: int) -> None:
        self.documents = documents
        self._core = core
        self._stack = contextlib.ExitStack()
        self._folder = Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="fastext-benches-"))
        )
        self._running: dict[str, Server] = {}
        self._service: FakeAppConfig | None = None

    def __enter__(self) -> "Servers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End them all."""
        self._stack.close()
        self._running.clear()

    def get(self, name: str, document: str = "") -> Server:
        """The server `name`; the one in C has one document, which is `document`.

        Raises Missing where the machine lacks something.
        """
        key = f"{name} {document}" if name == EPOLL else name
        if key not in self._running:
            self._running[key] = self._start(name, document)
        return self._running[key]

    @property
    def service(self) -> FakeAppConfig:
        """The AppConfig service that fastext asks, with all documents deployed."""
        if self._service is None:
            self._service = self._stack.enter_context(FakeAppConfig())
            for name, content in self.documents.items():
                self._service.deploy(*KEY_PREFIX, name, content, version_label="v1")
        return self._service

    def fastext(self, variables: Mapping[str, str] | None = None, name: str = FASTEXT) -> Server:
        """Another fastext, with `variables` of its own."""
        port = free_port()
        environ = fastext_environ(port, self.service.url, variables or {})
        return self._run(name, port, [str(build.installed().command)], environ)

    def _start(self, name: str, document: str) -> Server:
        starters: dict[str, Callable[[], Server]] = {
            FASTEXT: self._fastext_with_documents,
            NGINX: lambda: self._nginx(name),
            NGINX_DEFERRED: lambda: self._nginx(name, listen=" deferred"),
            NGINX_NO_SENDFILE: lambda: self._nginx(name, sendfile="off"),
            EPOLL: lambda: self._epoll(document),
            UVICORN: lambda: self._python(name),
            GRANIAN: lambda: self._python(name),
            AIOHTTP: lambda: self._python(name),
        }
        return starters[name]()

    def _fastext_with_documents(self) -> Server:
        server = self.fastext()
        for name in self.documents:
            server.get(target(name))
        return server

    def _nginx(self, name: str, listen: str = "", sendfile: str = "on") -> Server:
        program = build.system_program("nginx", "nginx-light")
        port = free_port()
        state = self._folder / name.replace(", ", "-").replace(" ", "-")
        state.mkdir()
        template = (ROOT / "benches" / "anchors" / "nginx.conf").read_text()
        configuration = state / "nginx.conf"
        configuration.write_text(
            template.format(
                state=state, root=self._root(), listen=listens(port, listen), sendfile=sendfile
            )
        )
        command = [str(program), "-p", str(state), "-c", str(configuration)]
        return self._run(name, port, command, machine.plain_environ())

    def _epoll(self, document: str) -> Server:
        content = self.documents[document]
        reply = self._folder / f"{document}.reply"
        reply.write_bytes(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConfiguration-Version: 1\r\n"
            b"Version-Label: v1\r\nContent-Length: %d\r\n"
            b"Date: Mon, 23 Nov 2026 20:30:49 GMT\r\n\r\n%b" % (len(content), content)
        )
        port = free_port()
        command = [str(build.anchor("epoll_server")), str(port), str(reply)]
        return self._run(EPOLL, port, command, machine.plain_environ())

    def _python(self, name: str) -> Server:
        port = free_port()
        command = [sys.executable, "-m", f"benches.anchors.serve_{name}", str(port),
                   str(self._root())]  # fmt: skip
        return self._run(name, port, command, machine.plain_environ())

    def _root(self) -> Path:
        """The folder that holds every document at its request path."""
        root = self._folder / "root"
        for name, content in self.documents.items():
            path = root / target(name).lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return root

    def _run(self, name: str, port: int, command: list[str], environ: dict[str, str]) -> Server:
        log = self._folder / f"{name}-{port}.log"
        with log.open("wb") as output, machine.on_core(self._core):
            started = process.start(command, environ, ROOT, output)
        server = Server(name, port, started, log)
        self._stack.callback(server.stop)
        return server.wait()
