"""What fastext talks to when its start and its polls are measured: services that add little.

Both run in the suite's own process, on another core than what is measured, and note when they
have answered.
"""

import contextlib
import selectors
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import trustme
from fakes.appconfig import FakeAppConfig
from fakes.data_service import Call

TIMEOUT_S = 60.0

REGISTERED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b"Lambda-Extension-Identifier: 4b7cbbd4-6f0c-4e5f-9f4e-1a2b3c4d5e6f\r\n"
    b"Content-Length: 62\r\n\r\n"
    b'{"functionName":"f","functionVersion":"$LATEST","handler":"h"}'
)


class LambdaApi:
    """The Extensions API as far as a start needs it: `register` is answered, `next` waits.

    One thread, which answers faster than the tests' fake: what it takes is counted as ours.
    Times are nanoseconds of the monotonic clock.
    """

    def __init__(self) -> None:
        self.registered_at = 0
        self.next_at = 0
        self._registered = threading.Event()
        self._asked_next = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "LambdaApi":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join(TIMEOUT_S)

    def wait_registered(self) -> None:
        if not self._registered.wait(TIMEOUT_S):
            raise TimeoutError("the extension has not registered")

    def wait_next(self) -> None:
        if not self._asked_next.wait(TIMEOUT_S):
            raise TimeoutError("the extension has not asked for an event")

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
            stack.enter_context(self._listening)
            selector.register(self._listening, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    assert isinstance(key.fileobj, socket.socket)
                    if key.fileobj is self._listening:
                        try:
                            peer, _address = self._listening.accept()
                        except OSError:
                            return
                        stack.enter_context(peer)
                        selector.register(peer, selectors.EVENT_READ)
                    elif not self._answer(key.fileobj):
                        selector.unregister(key.fileobj)

    def _answer(self, peer: socket.socket) -> bool:
        """Whether the connection goes on."""
        try:
            request = peer.recv(65536)
        except OSError:
            return False
        if b"/extension/register " in request:
            peer.sendall(REGISTERED)
            self.registered_at = time.monotonic_ns()
            self._registered.set()
        elif b"/extension/event/next " in request:
            self.next_at = time.monotonic_ns()
            self._asked_next.set()
        return bool(request)


class AppConfig(FakeAppConfig):
    """The data service with TLS; `answered_at` is when the last document had been handed over.

    With `close_each` every answer ends its connection.
    """

    def __init__(self, context: ssl.SSLContext, *, close_each: bool = False) -> None:
        super().__init__(context)
        self.answered_at = 0
        self._close_each = close_each

    def process(self, call: Call, token: str) -> bytes:
        answer: bytes = super().process(call, token)
        if self._close_each:
            answer = answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        self.answered_at = time.monotonic_ns()
        return answer


@contextlib.contextmanager
def secure_app_config(*, close_each: bool = False) -> Iterator[tuple[AppConfig, Path]]:
    """A service with TLS, and the file of the certificate authority to trust."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with tempfile.TemporaryDirectory(prefix="fastext-benches-") as folder:
        bundle = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(str(bundle))
        service = AppConfig(context, close_each=close_each)
        with service:
            yield service, bundle
