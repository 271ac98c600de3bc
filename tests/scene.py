"""A server over fake transports: connections whose every byte and ending a test can see."""

import asyncio
import contextlib
import socket
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

import h11

from fastext import response
from fastext._lane import Lane, Reply
from fastext.protocol import HttpProtocol, Server
from fastext.request import WholeRequests
from fastext.response import Date


def new_lane(
    handler: object, date: Callable[[], bytes], allowed: Callable[[bytes], bool] | None = None
) -> Lane:
    """A lane that raises what nobody foresaw."""

    def broken(fault: Exception) -> None:
        raise fault

    accept = WholeRequests().accept
    return Lane(handler.lookup, accept, date, broken, allowed)  # type: ignore[attr-defined]


HOST = b"Host: l\r\n"

# Of each reply: status, fields, content.
Replies = list[tuple[int, dict[bytes, bytes], bytes]]


def get(
    target: bytes = b"/a", fields: bytes = b"", method: bytes = b"GET", version: bytes = b"1.1"
) -> bytes:
    return b"%b %b HTTP/%b\r\n%b%b\r\n" % (method, target, version, HOST, fields)


def close_all(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


class Transport:
    """What a protocol needs of a transport, with everything that it did.

    The lane sends past the transport, on its socket: `sent` has both, in their order.
    """

    def __init__(self) -> None:
        self._sent = b""
        self._pair: list[socket.socket] = []
        weakref.finalize(self, close_all, self._pair)
        self.closed = self.shut = False
        self.reading = True
        self.unsent = 0
        self.pauses: Callable[[], None] = lambda: None  # called where the kernel takes no more
        self.high: int | None = None

    def get_extra_info(self, name: str) -> socket.socket:
        assert name == "socket"
        if not self._pair:
            self._pair += socket.socketpair()
            self._pair[1].setblocking(False)
        return self._pair[0]

    @property
    def sent(self) -> bytes:
        if self._pair:
            with contextlib.suppress(BlockingIOError):
                while chunk := self._pair[1].recv(65536):
                    self._sent += chunk
        return self._sent

    def write(self, data: bytes) -> None:
        assert not self.closed
        assert not self.shut
        self._sent = self.sent + data
        self.pauses()

    def writelines(self, buffers: Iterable[bytes]) -> None:
        self.write(b"".join(buffers))

    def write_eof(self) -> None:
        self.shut = True

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def set_write_buffer_limits(self, high: int) -> None:
        self.high = high

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True


class EchoHandler:
    """Replies with the target; what begins with /later is answered when the test says so."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.waiting: deque[Callable[[], None]] = deque()
        self.on_lookup: Callable[[], None] = lambda: None

    def lookup(self, target: bytes, fields: Sequence[tuple[bytes, bytes]] = ()) -> Reply | None:
        self.on_lookup()
        reply = self.handle(b"GET", target, fields)
        if isinstance(reply, Reply):
            return reply
        self.waiting.pop()
        return None

    def handle(
        self, method: bytes, target: bytes, fields: Sequence[tuple[bytes, bytes]] = ()
    ) -> Reply | Awaitable[Reply]:
        reply = self.reply(method, target, fields)
        if not target.startswith(b"/later"):
            return reply
        future: asyncio.Future[Reply] = self.loop.create_future()
        self.waiting.append(lambda: future.set_result(reply))
        return future

    def reply(self, method: bytes, target: bytes, fields: Sequence[tuple[bytes, bytes]]) -> Reply:
        if target.startswith(b"/big"):
            return Reply(200, b"", b"x" * 100_000)
        if target.startswith(b"/huge"):
            return Reply(200, b"", b"y" * 8_000_000)
        return response.json(200, {"target": target.decode()})


class Scene:
    """A server of one connection at first; `fast` gives it the lane."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limit: int = 10,
        fast: bool = False,
        handler: EchoHandler | None = None,
        date: Callable[[], bytes] | None = None,
    ) -> None:
        self.loop = loop
        self.handler = handler or EchoHandler(loop)
        date = date or Date()
        lane = new_lane(self.handler, date) if fast else None
        self.server = Server(loop, self.handler, limit, date, lane)  # type: ignore[arg-type]
        self.protocol, self.transport = self.connect()

    def connect(self) -> tuple[HttpProtocol, Transport]:
        protocol, transport = HttpProtocol(self.server), Transport()
        protocol.connection_made(transport)  # type: ignore[arg-type]
        return protocol, transport

    def settle(self) -> None:
        """Let callbacks that are ready run."""
        for _ in range(5):
            self.loop.run_until_complete(asyncio.sleep(0))

    def send(self, *chunks: bytes) -> None:
        for chunk in chunks:
            if not self.transport.closed and self.transport.reading:
                self.protocol.data_received(chunk)

    def replies(self, methods: Iterable[str] = ()) -> Replies:
        """Every reply that was sent, as h11 reads it."""
        return read_replies(self.transport.sent, methods)


def read_replies(sent: bytes, methods: Iterable[str] = ()) -> Replies:
    """`sent` as h11 reads it, to requests of these methods and then of GET: whole replies alone."""
    replies = []
    methods = deque(methods)
    while sent:
        client = h11.Connection(h11.CLIENT)
        method = methods.popleft() if methods else "GET"
        client.send(h11.Request(method=method, target="/", headers=[("Host", "l")]))
        client.send(h11.EndOfMessage())
        client.receive_data(sent)
        head = client.next_event()
        assert isinstance(head, h11.Response), head
        content = b""
        while not isinstance(event := client.next_event(), h11.EndOfMessage):
            assert isinstance(event, h11.Data), (event, sent)
            content += bytes(event.data)
        replies.append((head.status_code, dict(head.headers), content))
        sent = client.trailing_data[0]
    return replies
