"""The Lambda Extensions API: register, next, and the two error reports.

Only `_socket` is used, because `startup` registers before anything else is imported: Lambda starts
the function's runtime when every extension has registered, so this is time that nothing overlaps.

Source: AWS Lambda developer guide, "Using the Lambda Extensions API to create extensions".
"""

import _socket
import time

from fastext.lifecycle_errors import ExtensionsApiError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_PATH = "/2020-01-01/extension/"

# An event is a few hundred bytes; more is not an answer of this API.
MAX_ANSWER_BYTES = 1024 * 1024

# What is received at once; where memory is short, little of it may be left.
_PIECE_BYTES = 16 * 1024

# From its first byte on an answer of the same machine is complete within this.
LONGEST_ANSWER_S = 2.0


class Answer:
    """An HTTP answer: `status`, header `fields` by lower-case name, and `content`."""

    __slots__ = ("content", "fields", "status")

    def __init__(self, status: int, fields: "dict[str, str]", content: bytes) -> None:
        self.status = status
        self.fields = fields
        self.content = content


class ExtensionsApi:
    """The calls of one extension to the API at `address`, "host:port".

    One connection is kept between calls, and replaced once when it turns out to be dead. Nothing
    limits the wait for an answer's first byte: `next` blocks for as long as the sandbox is idle or
    frozen. What has begun must end within LONGEST_ANSWER_S.

    Every method raises ExtensionsApiError.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._host = host.strip("[]") or "127.0.0.1"
        self._port = int(port)
        self._address = address
        self._socket: _socket.socket | None = None
        self._ends_at = 0.0  # when the answer that has begun must have ended
        self._identifier = ""

    def register(self, name: str, events: "Iterable[str]") -> None:
        """Register under `name`, the launched file's, for `events` (INVOKE, SHUTDOWN)."""
        listed = ",".join([f'"{event}"' for event in events])
        body = f'{{"events":[{listed}]}}'.encode()
        answer = self._call("POST", "register", body, f"Lambda-Extension-Name: {name}\r\n")
        self._identifier = answer.fields.get("lambda-extension-identifier", "")
        if not self._identifier:
            raise ExtensionsApiError("register: the answer has no Lambda-Extension-Identifier")

    @property
    def registered(self) -> bool:
        return bool(self._identifier)

    def next(self) -> bytes:
        """Wait for the next event; its JSON text."""
        return self._call("GET", "event/next", b"", self._identification()).content

    def init_error(self, error_type: str, message: str) -> None:
        """Tell Lambda that the extension cannot start; the process must exit after it."""
        self._report("init/error", error_type, message)

    def exit_error(self, error_type: str, message: str) -> None:
        """Tell Lambda why the process is about to exit."""
        self._report("exit/error", error_type, message)

    def close(self) -> None:
        """Drop the connection; the next call makes a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _identification(self) -> str:
        return f"Lambda-Extension-Identifier: {self._identifier}\r\n"

    def _report(self, path: str, error_type: str, message: str) -> None:
        quoted = message.translate({34: "'", 92: "/"} | dict.fromkeys(range(32), " "))
        body = f'{{"errorMessage":"{quoted}","errorType":"{error_type}","stackTrace":[]}}'.encode()
        extra = f"Lambda-Extension-Function-Error-Type: {error_type}\r\n"
        self._call("POST", path, body, self._identification() + extra)

    def _call(self, method: str, path: str, body: bytes, fields: str) -> Answer:
        request = (
            f"{method} {_PATH}{path} HTTP/1.1\r\nHost: {self._address}\r\n{fields}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode("latin-1", "replace") + body
        try:
            answer = self._exchange(request)
        except (OSError, ValueError, EOFError) as fault:
            self.close()
            raise ExtensionsApiError(f"{path}: no answer: {fault}") from fault
        if answer.status not in (200, 202):
            error_type = member(answer.content, b"errorType")
            said = member(answer.content, b"errorMessage")
            raise ExtensionsApiError(
                f"{path}: status {answer.status}: {error_type} {said}".rstrip(), error_type
            )
        return answer

    def _exchange(self, request: bytes) -> Answer:
        if self._socket is None:
            return self._exchange_fresh(request)
        try:
            self._socket.sendall(request)
            first = self._socket.recv(_PIECE_BYTES)
        except OSError:
            first = b""
        if not first:  # the kept connection was dead before the request reached anybody
            self.close()
            return self._exchange_fresh(request)
        return self._read(first)

    def _exchange_fresh(self, request: bytes) -> Answer:
        family = _socket.AF_INET6 if ":" in self._host else _socket.AF_INET
        self._socket = _socket.socket(family, _socket.SOCK_STREAM)
        self._socket.connect((self._host, self._port))
        self._socket.sendall(request)
        return self._read(b"")

    def _read(self, data: bytes) -> Answer:
        """The answer that begins with `data`. Raises ValueError for what is none."""
        assert self._socket is not None
        status = 0
        while status < 200:  # what is informational has the answer behind it, at any time
            data = data or self._socket.recv(_PIECE_BYTES)
            self._ends_at = time.monotonic() + LONGEST_ANSWER_S
            while b"\r\n\r\n" not in data:
                if not data.startswith(b"HTTP/"[: len(data)]):
                    raise ValueError("it is not HTTP")
                data = self._more(data)
            head, _, data = data.partition(b"\r\n\r\n")
            status, fields = read_head(head.decode("latin-1"))
            if status < 100 or status == 101:
                raise ValueError(f"status {status}")
        coding, length = fields.get("transfer-encoding"), fields.get("content-length")
        closes = fields.get("connection", "").lower() == "close"
        if coding is not None:
            if coding.lower() != "chunked":
                raise ValueError(f"its coding is not known: {coding}")
            content, data = self._read_chunks(data)
        elif length is not None:
            data = self._at_least(_number(length, 10), data)
            content, data = data[: int(length)], data[int(length) :]
        elif status in (204, 304):
            content = b""
        elif closes:
            content, data = self._read_rest(data), b""
        else:  # the end would never be seen
            raise ValueError(f"status {status}, and no length")
        if closes or data:  # nothing was asked for that could come behind an answer
            self.close()
        return Answer(status, fields, content)

    def _read_chunks(self, data: bytes) -> "tuple[bytes, bytes]":
        """Content in the chunked coding (RFC 9112 section 7.1), and what is behind it."""
        content = b""
        while True:
            while b"\r\n" not in data:
                data = self._more(data)
            size, _, data = data.partition(b"\r\n")
            length = _number(size.partition(b";")[0].strip().decode("latin-1"), 16)
            if not length:
                break
            if len(content) + length > MAX_ANSWER_BYTES:
                raise ValueError("it is too long")
            data = self._at_least(length + 2, data)
            content += data[:length]
            if data[length : length + 2] != b"\r\n":
                raise ValueError("a chunk is longer than it says")
            data = data[length + 2 :]
        # Trailer fields, if any, end with an empty line as a head does.
        data = b"\r\n" + data
        while b"\r\n\r\n" not in data:
            data = self._more(data)
        return content, data.partition(b"\r\n\r\n")[2]

    def _read_rest(self, data: bytes) -> bytes:
        """Content that ends with the connection."""
        try:
            while True:
                data = self._more(data)
        except EOFError:
            return data

    def _at_least(self, length: int, data: bytes) -> bytes:
        while len(data) < length:
            data = self._more(data)
        return data

    def _more(self, data: bytes) -> bytes:
        """`data` and what comes next. Raises EOFError where the connection has ended."""
        assert self._socket is not None
        left_s = self._ends_at - time.monotonic()
        if left_s <= 0 or len(data) > MAX_ANSWER_BYTES:
            raise ValueError("it has no end")
        self._socket.settimeout(left_s)
        more = self._socket.recv(_PIECE_BYTES)
        self._socket.settimeout(None)
        if not more:
            raise EOFError("the connection was closed in the middle of it")
        return data + more


def read_head(head: str) -> "tuple[int, dict[str, str]]":
    """Status and fields of an answer's head. Raises ValueError."""
    lines = head.split("\r\n")
    version, _, rest = lines[0].partition(" ")
    status = rest[:3]
    if not version.startswith("HTTP/1.") or not status.isdecimal() or not status >= "100":
        raise ValueError("it is not HTTP")
    # HTTP/1.0 closes unless it says otherwise.
    fields = {"connection": "close"} if version == "HTTP/1.0" else {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        fields[name.lower()] = value.strip()
    return int(status), fields


def _number(text: str, base: int) -> int:
    """A length, without the signs and spaces that Python's int would take. Raises ValueError."""
    if not text.isalnum():
        raise ValueError(f"it has no length but {text!r}")
    return int(text, base)


def member(content: bytes, name: bytes) -> str:
    """A string member of a JSON object, read without a JSON module; "" where there is none.

    What is within a member or within a string is none; escapes are left as they are.
    """
    depth, key, between = 0, b"", b""
    text: list[bytes] | None = None  # the string that has begun
    for piece in content.split(b'"')[:-1]:  # a quotation mark is behind each
        if text is None:
            between = piece.strip()
            depth += between.count(b"{") + between.count(b"[")
            depth -= between.count(b"}") + between.count(b"]")
            text = []
            continue
        text.append(piece)
        if (len(piece) - len(piece.rstrip(b"\\"))) % 2:
            continue  # the quotation mark behind it is escaped
        string, text = b'"'.join(text), None
        if depth == 1 and between == b":" and key == name:
            return string.decode("utf-8", "replace")
        key = string if depth == 1 and between != b":" else b""
    return ""
