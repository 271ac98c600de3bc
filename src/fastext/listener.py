"""Where connections come from: the fast lane's acceptor on Linux, a plain server elsewhere.

This is the one place that chooses between the two. With the acceptor the kernel holds a
connection back until its first request has come (TCP_DEFER_ACCEPT), so that accepting, reading
and answering are one step.
"""

import asyncio
import socket
import sys
from collections.abc import Iterable

from fastext._lane import Acceptor
from fastext.protocol import HttpProtocol, Server, Unsent

# For so long the kernel waits for a first request, in seconds; then the connection comes as it is.
DEFER_S = 1

# Out of descriptors, accepting is left alone for this long, instead of failing again and again.
PAUSE_S = 0.1


# Over the limit a connection is told so, and that takes a descriptor for a while; from so many on
# it is closed without a word, because the reserve is not for them (protocol.RESERVED_DESCRIPTORS).
MAX_REFUSED_AT_ONCE = 16


class Listener:
    """Accepts connections for `server` from listening sockets."""

    def __init__(self, loop: asyncio.AbstractEventLoop, server: Server, backlog: int) -> None:
        self._loop = loop
        self._server = server
        self._backlog = backlog
        self._sockets: list[socket.socket] = []
        self._plain: list[asyncio.Server] = []
        self._adopting: dict[HttpProtocol, asyncio.Task[None]] = {}
        self._acceptor: Acceptor | None = None
        if server.lane is not None and sys.platform == "linux":
            self._acceptor = Acceptor(
                server.lane, loop, server.open, self._adopt, self._pause, self._admits
            )

    async def start(self, sockets: Iterable[socket.socket]) -> None:
        """Accept from these sockets, which listen and do not block."""
        for sock in sockets:
            if self._acceptor is None:
                self._plain.append(
                    await self._loop.create_server(
                        self._server.protocol, sock=sock, backlog=self._backlog
                    )
                )
            else:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, DEFER_S)
                # Accepted sockets inherit it.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets.append(sock)
        self._resume()

    def close(self) -> None:
        """Accept no more."""
        for server in self._plain:
            server.close()
        self._stop_reading()
        for sock in self._sockets:
            sock.close()
        if self._acceptor is not None:
            self._acceptor.close()
        self._plain, self._sockets = [], []

    async def adopted(self, timeout_s: float) -> None:
        """Return when connections on the way have their transports: a reply may be half sent."""
        if self._adopting:
            await asyncio.wait(self._adopting.values(), timeout=timeout_s)

    def _resume(self) -> None:
        if self._acceptor is not None:
            for sock in self._sockets:
                self._loop.add_reader(sock, self._acceptor.reader(sock.fileno()))

    def _stop_reading(self) -> None:
        for sock in self._sockets:
            self._loop.remove_reader(sock)

    def _pause(self) -> None:
        self._stop_reading()
        self._loop.call_later(PAUSE_S, self._resume)

    def _admits(self) -> bool:
        return not self._connections_at_least(self._server.limit)

    def _adopt(
        self, descriptor: int, first: bytes, unsent: Unsent, last: bool, admitted: bool
    ) -> None:
        """Have a transport take over; see HttpProtocol."""
        sock = socket.socket(fileno=descriptor)  # first, so that whatever fails closes it
        if not admitted and self._connections_at_least(self._server.limit + MAX_REFUSED_AT_ONCE):
            sock.close()
            return
        protocol = HttpProtocol(self._server, first, unsent, last=last, admitted=admitted)
        task = self._loop.create_task(self._connect(sock, protocol))
        self._adopting[protocol] = task
        task.add_done_callback(lambda _: self._adopting.pop(protocol))

    def _connections_at_least(self, count: int) -> bool:
        """Whether so many connections are open or on the way; for a moment one is both."""
        open_ones = self._server.open
        if len(open_ones) + len(self._adopting) < count:
            return False
        return len(open_ones.union(self._adopting)) >= count

    async def _connect(self, sock: socket.socket, protocol: HttpProtocol) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: protocol, sock)
        except OSError:
            sock.close()  # the peer has gone already
