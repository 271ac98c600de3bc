"""A document, a part of it or an error, as a complete HTTP/1.1 response.

What depends on the document is formatted once, in a `Reply`; what depends on the moment and the
connection (Date, Connection, whether a body follows) is added when it is sent.
"""

import time
from collections.abc import Callable

from fastext._lane import Reply
from fastext._parse import part_etag
from fastext.document import Document
from fastext.errors import FastextError

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


def whole(document: Document) -> Reply:
    """200 with `document`."""
    etag = b'"%b"' % document.etag
    described = document.described or describe(document)
    fields = b"".join((described, b"ETag: ", etag, b"\r\n"))
    return Reply(200, fields, document.content, etag, document.freshness, shared=True)


def part(document: Document, body: bytes) -> Reply:
    """200 with `body`, a part of `document`."""
    # One document has many parts, and each is a representation of its own.
    etag = part_etag(document.etag, body)
    described = document.described or describe(document)
    fields = b"".join((described, b"ETag: ", etag, b"\r\n"))
    return Reply(200, fields, body, etag, document.freshness)


def evaluated(document: Document, body: bytes, content_type: str, *, varies: bool) -> Reply:
    """200 with `body`, which has been made of `document`; `varies` with the caller's context."""
    etag = part_etag(document.etag, body)
    fields = b"%bETag: %b\r\n%b" % (
        _fields(document, content_type),
        etag,
        VARY if varies else b"",
    )
    return Reply(200, fields, body, etag, document.freshness, varies=varies)


def describe(document: Document) -> bytes:
    """The fields that every reply with `document`, or a part of it, has; kept with it."""
    document.described = _fields(document, document.content_type)
    return document.described


def _fields(document: Document, content_type: str) -> bytes:
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


def matches(etag: bytes, wanted: bytes, *, strongly: bool = False) -> bool:
    """Whether a field, "*" or a list of entity-tags, names `etag`.

    By weak comparison for If-None-Match, by strong comparison for If-Match (RFC 9110 sections
    8.8.3.2 and 13.1). Our tags are strong, and without a comma.
    """
    rest = wanted.strip(b" \t")
    if rest == b"*":
        return True
    while rest:
        weak = rest.startswith(b"W/")
        before, quote, after = rest[2 * weak :].partition(b'"')
        if before or not quote:  # no entity-tag
            rest = rest.partition(b",")[2].strip(b" \t")
            continue
        tag, end, after = after.partition(b'"')
        if end and b'"%b"' % tag == etag and not (weak and strongly):
            return True
        rest = after.partition(b",")[2].strip(b" \t")
    return False


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
