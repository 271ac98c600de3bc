"""HTTP/1.1 to one origin, blocking, over connections that are kept: what the direct client needs.

Answers are read strictly (RFC 9112): whatever leaves a doubt about where an answer ends, or
whether it is whole, is no answer. Everything is bounded by the call's deadline. Failures are
raised as Unavailable or TimedOut.
"""

import select
import socket
import ssl
import time

from fastext.deadline import Deadline
from fastext.errors import FastextError, TimedOut, Unavailable
from fastext.tls import Trust

# A data centre answers a SYN within milliseconds; one retransmission (1 s) is all we wait for.
CONNECT_TIMEOUT_S = 1.0

# A connection that was idle for longer is not used again: load balancers and NAT gateways forget
# idle connections without a word, and a thawed sandbox cannot know what happened to its own.
TRUSTED_IDLE_S = 20.0

# AWS's answers have a dozen fields and a token of at most 8 KB; AppConfig's contents end at a few
# megabytes. More is no answer of AWS, and must not take the function's memory.
MAX_HEAD_BYTES = 64 * 1024
MAX_CONTENT_BYTES = 64 * 1024 * 1024

# What is received at once: of a head, which is short, and of content. Python makes room for so
# much each time, by a system call of its own where it is over 128 KB.
_HEAD_BYTES = 16 * 1024
_CONTENT_BYTES = 256 * 1024

# Of a field's value, which may be any: it has no room for a token.
_SHOWN = 12

# By so much at most a socket's time-out is longer than what is left: to set it takes a system call,
# which half of it spares to one exchange after the other.
_BEHIND_S = 0.1


class Answer:
    """`fields` by lower-case name; `reusable` says whether the connection may carry another."""

    __slots__ = ("content", "fields", "reusable", "status")

    def __init__(self, status: int, fields: "dict[str, str]", reusable: bool) -> None:
        self.status = status
        self.fields = fields
        self.content = b""
        self.reusable = reusable


class Origin:
    """Scheme, host and port (RFC 9110 section 4.3.1) with the connections to it.

    Threads may share it.
    """

    def __init__(self, scheme: str, host: str, port: int, trust: Trust) -> None:
        self._scheme = scheme
        self._host = host
        self._port = port
        self._trust = trust
        self._idle: list[_Connection] = []

    @property
    def authority(self) -> str:
        """The Host field's value: the port only where it is not the scheme's."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        usual = 443 if self._scheme == "https" else 80
        return host if self._port == usual else f"{host}:{self._port}"

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self.authority}"

    def send(self, request: bytes, deadline: Deadline) -> Answer:
        """Send one request and read its whole answer. Raises Unavailable or TimedOut.

        A kept connection that turns out to be dead before a byte of an answer has come costs one
        silent retry on a new one.
        """
        connection = self._kept()
        try:
            if connection is not None:
                try:
                    return self._exchange(connection, request, deadline)
                except _EndedSilentlyError:
                    deadline.remaining_s()  # it may have been the deadline that cut it
                    self.close()
            return self._exchange(self._connected(deadline), request, deadline)
        except FastextError:
            raise
        except ssl.SSLError as fault:
            deadline.remaining_s()
            raise Unavailable(f"no trusted connection to {self.url}: {fault}") from fault
        except TimeoutError as fault:
            deadline.remaining_s()
            raise TimedOut(f"{self.url} does not answer: {fault}") from fault
        except (OSError, _NoAnswerError) as fault:
            deadline.remaining_s()
            said = fault.strerror if isinstance(fault, OSError) else fault
            raise Unavailable(f"no usable answer from {self.url}: {said or fault}") from fault

    def close(self) -> None:
        """Drop the kept connections."""
        while (connection := self._last_idle()) is not None:
            connection.close()

    def _kept(self) -> "_Connection | None":
        while (connection := self._last_idle()) is not None:
            if connection.trusted():
                return connection
            connection.close()
        return None

    def _last_idle(self) -> "_Connection | None":
        try:
            return self._idle.pop()
        except IndexError:  # another thread has taken it
            return None

    def _exchange(self, connection: "_Connection", request: bytes, deadline: Deadline) -> Answer:
        try:
            answer = connection.exchange(request, deadline)
        except BaseException:
            connection.close()
            raise
        if answer.reusable and connection.read_out():
            connection.used()
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def _connected(self, deadline: Deadline) -> "_Connection":
        if self._scheme == "http":
            return self._dialled(deadline)
        try:
            return self._secured(deadline)
        except ssl.SSLCertVerificationError as fault:
            if not self._trust.grown(fault):
                raise
            return self._secured(deadline)

    def _secured(self, deadline: Deadline) -> "_Connection":
        context = self._trust.context()
        connection = self._dialled(deadline)
        try:
            connection.secure(context, self._host, deadline)
        except BaseException:
            connection.close()
            raise
        return connection

    def _dialled(self, deadline: Deadline) -> "_Connection":
        # As bytes: a str would have Python load its table of international names.
        host = self._host.encode("ascii")
        fault: OSError | None = None
        try:
            for family, kind, protocol, _, address in socket.getaddrinfo(
                host, self._port, type=socket.SOCK_STREAM
            ):
                connection = _Connection(socket.socket(family, kind, protocol))
                try:
                    connection.connect(address, deadline)
                except OSError as refused:
                    connection.close()
                    deadline.remaining_s()
                    fault = refused
                else:
                    return connection
        except OSError as unknown:
            fault = unknown
        deadline.remaining_s()
        raise Unavailable(f"cannot connect to {self.url}: {fault}") from fault


class _NoAnswerError(Exception):
    """The connection ended, or what came over it is not a whole answer."""


class _EndedSilentlyError(_NoAnswerError):
    """The connection ended before the first byte of an answer."""


class _Connection:
    """One socket, and what was received over it but not read yet."""

    __slots__ = ("_readable", "_received", "_timeout_s", "_used_at", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock: socket.socket = sock
        self._timeout_s = 0.0
        self._received = b""
        self._used_at = (0.0, 0.0)
        self._readable: select.poll | None = None

    def connect(self, address: "tuple[object, ...]", deadline: Deadline) -> None:
        deadline.watch(self)
        self.sock.settimeout(min(CONNECT_TIMEOUT_S, deadline.remaining_s()))
        self.sock.connect(address)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def secure(self, context: ssl.SSLContext, host: str, deadline: Deadline) -> None:
        self.sock.settimeout(deadline.remaining_s())
        # As bytes, see above; ssl takes them, typeshed does not say so.
        name: str = host.encode("ascii")  # type: ignore[assignment]
        self.sock = context.wrap_socket(self.sock, server_hostname=name)

    def read_out(self) -> bool:
        """Whether nothing was received beyond the answer, which would be taken for the next."""
        return not self._received

    def used(self) -> None:
        self._used_at = (time.monotonic(), time.time())

    def trusted(self) -> bool:
        """Whether it was idle for a short time only, by both clocks, and has been silent since.

        What came meanwhile would be taken for the answer to the next request; the end is
        readable as well.
        """
        monotonic, wall = self._used_at
        if max(time.monotonic() - monotonic, time.time() - wall) > TRUSTED_IDLE_S:
            return False
        if isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
            return False
        if self._readable is None:
            self._readable = select.poll()
            self._readable.register(self.sock, select.POLLIN)
        return not self._readable.poll(0)

    def close(self) -> None:
        self.sock.close()

    def exchange(self, request: bytes, deadline: Deadline) -> Answer:
        deadline.watch(self)
        try:
            self._limit(deadline)
            sent = self.sock.send(request)
            if sent < len(request):
                self.sock.sendall(request[sent:])
            head = self._head(deadline)
        except (ConnectionError, ssl.SSLEOFError, _NoAnswerError) as fault:
            if self._received:
                raise
            raise _EndedSilentlyError(str(fault)) from fault
        answer = parse_head(head)
        while answer.status < 200:  # RFC 9110 section 15.2: more is to come
            if answer.status == 101:
                raise _NoAnswerError("it changes the protocol")
            answer = parse_head(self._head(deadline))
        self._read_content(answer, deadline)
        return answer

    def _read_content(self, answer: Answer, deadline: Deadline) -> None:
        coding = answer.fields.get("transfer-encoding")
        length = answer.fields.get("content-length")
        if answer.status in (204, 304):
            return
        if coding is not None:
            if coding.lower() != "chunked":
                raise _NoAnswerError(f"unknown transfer coding {coding[:_SHOWN]!r}")
            answer.content = self._chunks(deadline)
        elif length is not None:
            if not (length.isascii() and length.isdecimal() and len(length) < 20):
                raise _NoAnswerError(f"Content-Length is {length[:_SHOWN]!r}")
            answer.content = self._exactly(int(length), deadline)
        else:
            # The end of the connection would end it (RFC 9112 section 6.3); AWS never means that.
            raise _NoAnswerError("the head of the answer is not complete")

    def _head(self, deadline: Deadline) -> bytes:
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            if not b"HTTP/".startswith(self._received[:5]) or self._bare_lf():
                raise _NoAnswerError("it is not HTTP")
            if len(self._received) > MAX_HEAD_BYTES:
                raise _NoAnswerError("the head of the answer is too large")
            self._received += self._receive(deadline, _HEAD_BYTES, "the head of the answer")
        head, self._received = self._received[:end], self._received[end + 4 :]
        return head

    def _bare_lf(self) -> bool:
        return self._received.count(b"\n") != self._received.count(b"\r\n")

    def _line(self, deadline: Deadline) -> bytes:
        while (end := self._received.find(b"\r\n")) < 0:
            if len(self._received) > MAX_HEAD_BYTES:
                raise _NoAnswerError("a line of the answer is too long")
            self._received += self._receive(deadline, _HEAD_BYTES, "the answer")
        line, self._received = self._received[:end], self._received[end + 2 :]
        return line

    def _exactly(self, length: int, deadline: Deadline) -> bytes:
        if length > MAX_CONTENT_BYTES:
            raise _NoAnswerError(f"{length} bytes of content; {MAX_CONTENT_BYTES} are accepted")
        parts = [self._received[:length]]
        self._received = self._received[length:]
        missing = length - len(parts[0])
        while missing:
            part = self._receive(deadline, min(missing, _CONTENT_BYTES), "the answer")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _chunks(self, deadline: Deadline) -> bytes:
        parts, total = [], 0
        while True:
            size = self._line(deadline).partition(b";")[0].strip()
            try:
                length = int(size, 16) if size.isalnum() else -1
            except ValueError:
                length = -1
            total += length
            if length < 0 or total > MAX_CONTENT_BYTES:
                raise _NoAnswerError(f"a chunk of {size[:20]!r} bytes")
            if length == 0:
                break
            parts.append(self._exactly(length, deadline))
            if self._line(deadline):
                raise _NoAnswerError("a chunk does not end where it says")
        while self._line(deadline):  # the trailer section
            pass
        return b"".join(parts)

    def _limit(self, deadline: Deadline) -> None:
        """Have the socket wait no longer than that, or hardly. Raises TimedOut."""
        remaining_s = deadline.remaining_s()
        if not remaining_s <= self._timeout_s <= remaining_s + _BEHIND_S:
            self._timeout_s = remaining_s + _BEHIND_S / 2
            self.sock.settimeout(self._timeout_s)

    def _receive(self, deadline: Deadline, most: int, what: str) -> bytes:
        self._limit(deadline)
        part = self.sock.recv(most)
        if not part:
            deadline.remaining_s()  # it may have been the deadline that cut it
            raise _NoAnswerError(f"{what} is not complete")
        return part


def parse_head(head: bytes) -> Answer:
    """Status line and fields of an answer, without the empty line. Raises _NoAnswerError."""
    status_line, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = status_line.partition(" ")
    code = rest[:3]
    if (
        version not in ("HTTP/1.1", "HTTP/1.0")
        or not (code.isascii() and code.isdecimal() and code >= "100")
        or rest[3:4] not in " "
    ):
        raise _NoAnswerError("it is not HTTP/1.1")
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or "\n" in line or "\r" in line:
            raise _NoAnswerError("a header field of it is malformed")
        name, value = name.lower(), value.strip(" \t")
        if name in fields:
            if name in ("content-length", "transfer-encoding"):
                if fields[name] != value:
                    raise _NoAnswerError(f"it has several {name} fields")
            else:
                value = f"{fields[name]}, {value}"  # RFC 9110 section 5.3
        fields[name] = value
    tokens = fields.get("connection", "").lower()
    return Answer(int(code), fields, version == "HTTP/1.1" and "close" not in tokens)
