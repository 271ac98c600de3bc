"""A document, a part of it or an error, as a complete HTTP/1.1 response.

What depends on the document is formatted once, in a `Reply`; what depends on the moment and the
connection (Date, Connection, whether a body follows) is added when it is sent.
"""

import time
from collections.abc import Callable

from fastext.document import Document
from fastext.errors import FastextError

# The statuses that we send (RFC 9110 section 15); http.HTTPStatus would be an import of half a
# millisecond for them.
STATUS_LINES = {
    status: b"HTTP/1.1 %d %b\r\n" % (status, reason)
    for status, reason in (
        (200, b"OK"),
        (304, b"Not Modified"),
        (400, b"Bad Request"),
        (401, b"Unauthorized"),
        (403, b"Forbidden"),
        (404, b"Not Found"),
        (405, b"Method Not Allowed"),
        (413, b"Content Too Large"),
        (414, b"URI Too Long"),
        (421, b"Misdirected Request"),
        (429, b"Too Many Requests"),
        (431, b"Request Header Fields Too Large"),
        (500, b"Internal Server Error"),
        (502, b"Bad Gateway"),
        (503, b"Service Unavailable"),
        (504, b"Gateway Timeout"),
    )
}

# A body up to this size is joined with its head to one write; above it the copy would cost more
# than a second buffer for the kernel (measured: the break-even lies near 16 KB).
JOIN_BELOW_BYTES = 16 * 1024

_DAYS = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun",
           b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")  # fmt: skip


def http_date(now: float) -> bytes:
    """IMF-fixdate of `now`, seconds since the epoch (RFC 9110 section 5.6.7); not by locale."""
    t = time.gmtime(now)
    return b"%s, %02d %s %04d %02d:%02d:%02d GMT" % (
        _DAYS[t.tm_wday], t.tm_mday, _MONTHS[t.tm_mon - 1], t.tm_year,
        t.tm_hour, t.tm_min, t.tm_sec,
    )  # fmt: skip


class Date:
    """The Date field's value, formatted once a second at most."""

    __slots__ = ("_now", "_second", "_value")

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._second = -1
        self._value = b""

    def __call__(self) -> bytes:
        second = int(self._now())
        if second != self._second:
            self._value = http_date(second)
            self._second = second
        return self._value


class Reply:
    """A response but for Date and Connection.

    `head` are the status line and the fields; `body` is what a GET gets. `varies` says that
    another context would have got another reply to the same target. `own_bytes` is what it costs
    to keep it: the body's size, unless it is the document's content, which is there anyway.
    """

    __slots__ = ("body", "head", "own_bytes", "status", "varies")

    def __init__(
        self, status: int, fields: bytes, body: bytes, *, shared: bool = False, varies: bool = False
    ) -> None:
        self.status = status
        self.varies = varies
        self.own_bytes = 0 if shared else len(body)
        self.head = b"%b%bContent-Length: %d\r\n" % (STATUS_LINES[status], fields, len(body))
        self.body = body

    def buffers(self, date: bytes, connection: bytes, *, with_body: bool) -> tuple[bytes, ...]:
        """What to write: one buffer, or two where joining them would cost a large copy.

        `connection` is a complete field line or empty.
        """
        body = self.body if with_body else b""
        if len(body) <= JOIN_BELOW_BYTES:
            return (b"%bDate: %b\r\n%b\r\n%b" % (self.head, date, connection, body),)
        return (b"%bDate: %b\r\n%b\r\n" % (self.head, date, connection), body)


def ok(
    document: Document,
    body: bytes | None = None,
    *,
    content_type: str = "",
    varies: bool = False,
) -> Reply:
    """200 with `document`, or with `body`, a part of it, of another type where that is named."""
    fields = b"Content-Type: %b\r\nConfiguration-Version: %d\r\n" % (
        (content_type or document.content_type).encode("ascii"),
        document.version,
    )
    if document.version_label:
        fields += b"Version-Label: %b\r\n" % document.version_label.encode("ascii")
    if body is None:
        return Reply(200, fields, document.content, shared=True)
    return Reply(200, fields, body, varies=varies)


def json(status: int, value: dict[str, object], fields: bytes = b"") -> Reply:
    """`value` as JSON text."""
    import orjson  # late for the start's sake, see _parse.index_flags

    body = orjson.dumps(value, default=str)
    return Reply(status, b"Content-Type: application/json\r\n" + fields, body)


def error(fault: FastextError) -> Reply:
    """The status and the JSON body that tell of `fault`, in the shape of the service's errors.

    What the service said need not be fit for JSON: a message may hold half a surrogate pair, and a
    detail an integer of over 64 bits. Then the message stays, as far as it can be written.
    """
    fields = b"".join(b"%b: %b\r\n" % field for field in fault.fields)
    try:
        return json(fault.status, {"Message": fault.message, **fault.details}, fields)
    except TypeError:
        message = fault.message.encode("utf-8", "replace").decode()
        return json(fault.status, {"Message": message}, fields)
