"""A document, a part of it or an error, as a complete HTTP/1.1 response.

What depends on the document is formatted once, in a `Reply`; what depends on the moment and the
connection (Date, Connection, whether a body follows) is added when it is sent.
"""

import time
from collections.abc import Callable

from fastext._parse import part_etag
from fastext.document import Document
from fastext.errors import FastextError
from fastext.freshness import Freshness

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
        (408, b"Request Timeout"),
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

NOT_MODIFIED = 304

# What is no document, and has an entity-tag, is to be asked for again by it.
NO_CACHE = b"Cache-Control: no-cache\r\n"

# What an evaluated reply depends on beside its target.
VARY = b"Vary: Context, Entity-Id\r\n"

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
    """A response but for Date, Connection and what else changes with time.

    `head` are the status line and the fields; `body` is what a GET gets. `varies` says that
    another context would have got another reply to the same target. `own_bytes` is what it costs
    to keep it: the body's size, unless it is the document's content, which is there anyway. `etag`
    is the entity-tag (RFC 9110 section 8.8.3) with its quotation marks, or empty; `freshness` gives
    the fields that tell the age of what is served. A `fleeting` reply is made anew every time.
    """

    __slots__ = ("body", "etag", "fleeting", "freshness", "head", "own_bytes", "status", "varies")

    def __init__(
        self,
        status: int,
        fields: bytes,
        body: bytes,
        *,
        etag: bytes = b"",
        fleeting: bool = False,
        freshness: Freshness | None = None,
        shared: bool = False,
        varies: bool = False,
    ) -> None:
        self.status = status
        self.etag = etag
        self.fleeting = fleeting
        self.freshness = freshness
        self.varies = varies
        self.own_bytes = 0 if shared else len(body)
        self.head = STATUS_LINES[status] + fields
        # A 304 has the length of what it does not send, or none (RFC 9110 section 8.6).
        if status != NOT_MODIFIED:
            self.head += b"Content-Length: %d\r\n" % len(body)
        self.body = body

    def buffers(self, date: bytes, connection: bytes, *, with_body: bool) -> tuple[bytes, ...]:
        """What to write: one buffer, or two where joining them would cost a large copy.

        `connection` is a complete field line or empty.
        """
        body = self.body if with_body else b""
        age = self.freshness.fields() if self.freshness is not None else b""
        # A join is twice as quick as a format.
        head = (self.head, age, b"Date: ", date, b"\r\n", connection, b"\r\n")
        if len(body) <= JOIN_BELOW_BYTES:
            return (b"".join((*head, body)),)
        return b"".join(head), body


def ok(
    document: Document,
    body: bytes | None = None,
    *,
    content_type: str = "",
    varies: bool = False,
) -> Reply:
    """200 with `document`, or with `body`, a part of it, of another type where that is named."""
    # One document has many parts, and each is a representation of its own.
    etag = b'"%b"' % document.etag if body is None else part_etag(document.etag, body)
    described = document.described
    if not described:
        described = document.described = _describe(document, document.content_type)
    if content_type:
        described = _describe(document, content_type)
    fields = b"".join((described, b"ETag: ", etag, b"\r\n"))
    if varies:
        fields += VARY
    if body is None:
        return Reply(
            200, fields, document.content, etag=etag, freshness=document.freshness, shared=True
        )
    return Reply(200, fields, body, etag=etag, freshness=document.freshness, varies=varies)


def _describe(document: Document, content_type: str) -> bytes:
    """The fields that every reply with `document` has."""
    fields = b"Content-Type: %b\r\nConfiguration-Version: %d\r\n" % (
        content_type.encode("ascii"),
        document.version,
    )
    if document.version_label:
        fields += b"Version-Label: %b\r\n" % document.version_label.encode("ascii")
    if document.kept_as:
        name = document.kept_as.title().encode("ascii")
        fields += b"Fastext-%b: %b\r\n" % (name, http_date(document.saved_at))
    return fields


def not_modified(reply: Reply) -> Reply:
    """304 for who has what `reply` would give (RFC 9110 section 15.4.5)."""
    fields = b"ETag: %b\r\n" % reply.etag + (VARY if reply.varies else b"")
    if reply.freshness is None:
        fields += NO_CACHE
    return Reply(NOT_MODIFIED, fields, b"", freshness=reply.freshness, varies=reply.varies)


def matches(etag: bytes, wanted: bytes) -> bool:
    """Whether an If-None-Match field names `etag`, by weak comparison (RFC 9110 section 13.1.2)."""
    tags = [tag.strip().removeprefix(b"W/") for tag in wanted.split(b",")]
    return b"*" in tags or etag in tags


def json(
    status: int, value: dict[str, object], fields: bytes = b"", *, fleeting: bool = False
) -> Reply:
    """`value` as JSON text."""
    import orjson  # late for the start's sake, see _parse.index_flags

    body = orjson.dumps(value, default=str)
    return Reply(status, b"Content-Type: application/json\r\n" + fields, body, fleeting=fleeting)


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
