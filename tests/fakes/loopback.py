"""HTTP/1.1 on loopback for the fakes: a thread for each connection, which stays open."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """`fields` are the header's, by lower-case name."""

    method: str
    target: str
    fields: Mapping[str, str]
    body: bytes


class Connection:
    """A client's connection, as whoever answers its requests sees it."""

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer
        self._stream = peer.makefile("rb")
        self.usable = True

    def read(self) -> Request | None:
        """The next request, or None at the end of the connection. Raises ValueError, OSError."""
        line = self._stream.readline()
        if not line:
            return None
        method, target, _ = line.decode("latin-1").split(" ")
        fields = {}
        while (line := self._stream.readline()) != b"\r\n":
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon:
                raise ValueError(f"neither a field nor the end of the head: {line!r}")
            fields[name.lower()] = value.strip()
        size = int(fields.get("content-length", 0))
        body = self._stream.read(size)
        if len(body) < size:
            raise ValueError("the body was cut")
        return Request(method, target, fields, body)

    def send(self, content: bytes) -> None:
        self._peer.sendall(content)

    def close(self) -> None:
        self.usable = False
        self._stream.close()
        self._peer.close()

    def reset(self) -> None:
        """Close with RST instead of FIN: what lingering for no time at all means (socket(7))."""
        linger = struct.pack("ii", 1, 0)
        self._peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close()

    def hang_up(self) -> None:
        """End the connection from another thread than the one that reads it."""
        with contextlib.suppress(OSError):
            self._peer.shutdown(socket.SHUT_RDWR)


class Loopback:
    """A server on an ephemeral port of 127.0.0.1, from `start` to `stop`.

    `answer(request, connection)` runs on the connection's thread.
    """

    def __init__(
        self,
        answer: Callable[[Request, Connection], None],
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.connections = 0
        self.closing = threading.Event()
        self._answer = answer
        self._context = context
        self._lock = threading.Lock()
        self._open: set[Connection] = set()
        self._gates: set[threading.Event] = set()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listening.getsockname()[1]

    def start(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Close everything, and open every gate that an answer is held at."""
        with self._lock:
            self.closing.set()
            for gate in self._gates:
                gate.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.drop_connections()

    def drop_connections(self) -> None:
        with self._lock:
            connections = tuple(self._open)
        for connection in connections:
            connection.hang_up()

    def hold(self, gate: threading.Event) -> bool:
        """Wait for `gate`; whether the server is still there then."""
        with self._lock:
            if self.closing.is_set():
                return False
            self._gates.add(gate)
        gate.wait()
        with self._lock:
            self._gates.discard(gate)
        return not self.closing.is_set()

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                peer, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        # A client that leaves, or that breaks a rule of HTTP, loses its connection.
        with contextlib.suppress(OSError, ValueError):
            # As every server of AWS: a small answer behind TLS's session tickets would wait 40 ms.
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context:
                peer = self._context.wrap_socket(peer, server_side=True)
            # As every service does: else an answer behind TLS's tickets waits for delayed ACKs.
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(peer)
            with self._lock:
                self.connections += 1
                self._open.add(connection)
                connection.usable = not self.closing.is_set()
            try:
                while connection.usable and (request := connection.read()) is not None:
                    self._answer(request, connection)
            finally:
                with self._lock:
                    self._open.discard(connection)
                connection.close()
