"""The Lambda Extensions API: register, next, and the two error reports.

Only `_socket` is used, because `startup` registers before anything else is imported: Lambda starts
the function's runtime when every extension has registered, so this is time that nothing overlaps.

Source: AWS Lambda developer guide, "Using the Lambda Extensions API to create extensions".
"""

import _socket

from fastext.errors import ExtensionsApiError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_PATH = "/2020-01-01/extension/"

# An event is a few hundred bytes; more is not an answer of this API.
MAX_ANSWER_BYTES = 1024 * 1024


class Answer:
    """An HTTP answer: `status`, header `fields` by lower-case name, and `content`."""

    __slots__ = ("content", "fields", "status")

    def __init__(self, status: int, fields: "dict[str, str]", content: bytes) -> None:
        self.status = status
        self.fields = fields
        self.content = content


class ExtensionsApi:
    """The calls of one extension to the API at `address`, "host:port".

    One connection is kept between calls, and replaced once when it turns out to be dead. No call
    has a time-out: `next` blocks for as long as the sandbox is idle or frozen, and the others
    are answered by the same host at once or not at all.

    Every method raises ExtensionsApiError.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._host = host.strip("[]") or "127.0.0.1"
        self._port = int(port)
        self._address = address
        self._socket: _socket.socket | None = None
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
        except (OSError, ValueError) as fault:
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
            first = self._socket.recv(65536)
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
        return self._read(self._socket.recv(65536))

    def _read(self, data: bytes) -> Answer:
        """The answer that begins with `data`. Raises ValueError for what is not HTTP."""
        assert self._socket is not None
        while b"\r\n\r\n" not in data:
            data += self._more(data)
        head, _, content = data.partition(b"\r\n\r\n")
        status, fields = read_head(head.decode("latin-1"))
        if fields.get("transfer-encoding", "").lower() == "chunked":
            while not content.endswith(b"0\r\n\r\n"):
                content += self._more(content)
            content = unchunk(content)
        elif "content-length" in fields:
            length = int(fields["content-length"])
            while len(content) < length:
                content += self._more(content)
        elif status not in (204, 304):
            more = self._socket.recv(65536)
            while more and len(content) < MAX_ANSWER_BYTES:
                content += more
                more = self._socket.recv(65536)
            self.close()
        if fields.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, fields, content)

    def _more(self, data: bytes) -> bytes:
        assert self._socket is not None
        more = self._socket.recv(65536) if len(data) < MAX_ANSWER_BYTES else b""
        if not more:
            raise ValueError("the connection was closed in the middle of the answer")
        return more


def read_head(head: str) -> "tuple[int, dict[str, str]]":
    """Status and fields of an answer's head. Raises ValueError."""
    lines = head.split("\r\n")
    version, _, rest = lines[0].partition(" ")
    status = rest[:3]
    if not version.startswith("HTTP/1.") or not status.isdecimal():
        raise ValueError("the answer is not HTTP")
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        fields[name.lower()] = value.strip()
    return int(status), fields


def unchunk(content: bytes) -> bytes:
    """Content without its chunked coding (RFC 9112 section 7.1). Raises ValueError."""
    whole = b""
    while content:
        size, _, rest = content.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        if length == 0:
            return whole
        whole += rest[:length]
        content = rest[length + 2 :]
    raise ValueError("the chunked content has no end")


def member(content: bytes, name: bytes) -> str:
    """A string member of a flat JSON object, read without a JSON module; "" where it is not."""
    _, found, rest = content.partition(b'"' + name + b'"')
    value = rest.lstrip(b" :").partition(b'"')[2].partition(b'"')[0] if found else b""
    return value.decode("utf-8", "replace")
