"""The head of a request, read by httptools and held to RFC 9112 where its parser is lenient.

One complete head goes in, one `Head` or one error comes out; nothing here knows of connections.
The caller has found the end of the head, so that a parser never sees bytes beyond one message and
no request can reach into the next one.
"""

import socket

import httptools

from fastext.errors import BadRequest, ContentTooLarge

# A request here has no use for content; what comes is read and thrown away, up to this size.
MAX_CONTENT_BYTES = 64 * 1024

# Leading zeros are digits as well; no number that is meant needs so many.
MAX_CONTENT_LENGTH_DIGITS = 20

# Methods are case-sensitive tokens (RFC 9110 sections 5.6.2 and 9.1).
TOKEN_BYTES = frozenset(
    b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
_HOST_BYTES = frozenset(
    b"-._~!$&'()*+,;=%0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
_DIGITS = frozenset(b"0123456789")
_HEX_DIGITS = frozenset(b"0123456789ABCDEFabcdef")


class Head:
    """What a request head says.

    `content_length` counts the bytes that follow; `chunked` says that they end by themselves.
    `keep_alive` is the client's wish, by version and Connection field.
    """

    __slots__ = ("chunked", "content_length", "expects", "fields", "keep_alive", "method",
                 "minor_version", "target")  # fmt: skip

    def __init__(self) -> None:
        self.method = b""
        self.target = b""
        self.minor_version = 1
        self.keep_alive = True
        self.content_length = 0
        self.chunked = False
        self.expects = False
        self.fields: list[tuple[bytes, bytes]] = []


class _Collector:
    """httptools' callbacks for one head."""

    __slots__ = ("fields", "keep_alive", "parser", "target")

    def __init__(self) -> None:
        self.target = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.keep_alive = False
        self.parser = httptools.HttpRequestParser(self)

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        # After the message the parser has forgotten what the Connection field said.
        self.keep_alive = self.parser.should_keep_alive()


def read_head(raw: bytes) -> Head:
    """Read `raw`, a head with its final empty line. Raises BadRequest or ContentTooLarge."""
    line = raw[: raw.index(b"\r\n")]
    method = line.partition(b" ")[0]
    if not method or not TOKEN_BYTES.issuperset(method):
        raise BadRequest("the request line does not begin with a method")
    collector = _Collector()
    parser = collector.parser
    # The framing of a request does not depend on its method, but httptools knows only some
    # methods; all but two are refused later anyway. CONNECT alone has a target of its own form
    # (RFC 9112 section 3.2.3); that httptools takes it for the end of HTTP is no harm here.
    known = method in (b"GET", b"HEAD") or (line.startswith(b"CONNECT ") and line[8:9] != b"/")
    try:
        parser.feed_data(raw if known else b"POST" + raw[len(method) :])
    except httptools.HttpParserUpgrade:
        # RFC 9110 section 7.8: a server may ignore an offer to upgrade.
        pass
    except httptools.HttpParserError as fault:
        raise BadRequest(f"malformed HTTP: {str(fault) or type(fault).__name__}") from None
    finally:
        del collector.parser  # which refers to the collector: no work for the cycle collector
    version = parser.get_http_version()
    if version not in ("1.1", "1.0") or line != b"%b %b HTTP/%b" % (
        method, collector.target, version.encode(),
    ):  # fmt: skip
        raise BadRequest("malformed request line; it is METHOD TARGET HTTP/1.1")
    if b"#" in collector.target:
        raise BadRequest("the request-target has a fragment")
    if not collector.target.startswith(b"/"):
        _check_authority(collector.target)
    head = Head()
    head.method = method
    head.target = collector.target
    head.minor_version = int(version[2])
    head.keep_alive = collector.keep_alive
    head.fields = collector.fields
    _read_fields(head)
    return head


def _check_authority(target: bytes) -> None:
    """It takes the place of Host (RFC 9112 section 3.2.2); a user name in it is an error
    (RFC 9110 section 4.2.4).
    """
    _, separator, rest = target.partition(b"://")
    if separator and not is_host(rest.partition(b"/")[0].partition(b"?")[0]):
        raise BadRequest("the request-target's authority is not a host with an optional port")


def _read_fields(head: Head) -> None:
    hosts = 0
    for name, value in head.fields:
        if b"\x7f" in value:
            raise BadRequest("a header field holds a control character")
        if name == b"host":
            hosts += 1
            if not is_host(value):
                raise BadRequest("the Host field is not a host with an optional port")
        elif name == b"connection":
            # RFC 9112 section 9.3: close comes before all else; httptools does not see it in a
            # list of HTTP/1.0.
            if b"close" in [option.strip(b" \t") for option in value.lower().split(b",")]:
                head.keep_alive = False
        elif name == b"content-length":
            if len(value) > MAX_CONTENT_LENGTH_DIGITS:
                raise BadRequest("the Content-Length has too many digits")
            head.content_length = int(value)  # httptools has checked that these are digits
            if head.content_length > MAX_CONTENT_BYTES:
                raise ContentTooLarge(f"content of over {MAX_CONTENT_BYTES} bytes is not read")
        elif name == b"transfer-encoding":
            # RFC 9112 section 6.1: HTTP/1.0 has no transfer codings, and to believe one is a way
            # to smuggle requests. httptools refuses codings that do not end in chunked.
            if head.minor_version == 0 or value.strip().lower() != b"chunked":
                raise BadRequest("the Transfer-Encoding is not understood")
            head.chunked = True
        elif name == b"expect":
            # RFC 9110 section 10.1.1: not for HTTP/1.0, and there is no other expectation.
            head.expects = head.minor_version == 1 and value.strip().lower() == b"100-continue"
    # RFC 9112 section 3.2: exactly one, but for HTTP/1.0.
    if hosts > 1 or (hosts == 0 and head.minor_version == 1):
        raise BadRequest("the request has no Host field" if not hosts else "repeated Host field")


class WholeRequests:
    """Says of bytes whether httptools takes them for exactly one complete request.

    One parser serves all connections: between two calls it is between two messages, and after
    anything else it is replaced.
    """

    __slots__ = ("_complete", "_parser")

    def __init__(self) -> None:
        self._complete = 0
        self._parser = self._new_parser()

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # The next message is another connection's, so `Connection: close` is no end for it.
        parser.set_dangerous_leniencies(lenient_keep_alive=True)
        return parser

    def on_message_complete(self) -> None:
        self._complete += 1

    def accept(self, data: bytes) -> bool:
        self._complete = 0
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._parser = self._new_parser()
            return False
        if self._complete != 1:
            self._parser = self._new_parser()
            return False
        return True


def is_host(value: bytes) -> bool:
    """Whether `value` is uri-host [ ":" port ] with a host (RFC 9110 sections 4.2.1 and 7.2)."""
    if value.startswith(b"["):
        host, bracket, rest = value[1:].partition(b"]")
        if not bracket or not _is_ip_literal(host) or (rest and rest[:1] != b":"):
            return False
        port = rest[1:]
    else:
        host, _, port = value.partition(b":")
        if not _is_registered_name(host):
            return False
    return bool(host) and _DIGITS.issuperset(port)


def _is_registered_name(text: bytes) -> bool:
    """reg-name of RFC 3986 section 3.2.2, of which an IPv4 address is one as well."""
    escapes = text.split(b"%")[1:]
    return _HOST_BYTES.issuperset(text) and all(
        len(escape) >= 2 and _HEX_DIGITS.issuperset(escape[:2]) for escape in escapes
    )


def _is_ip_literal(text: bytes) -> bool:
    """IPv6address of RFC 3986 section 3.2.2; of IPvFuture no version has ever been defined."""
    try:
        socket.inet_pton(socket.AF_INET6, text.decode("ascii"))
    except (OSError, ValueError):
        return False
    return True
