"""Request heads: what RFC 9112 allows, and everything else refused."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastext.errors import BadRequest, ContentTooLarge, RequestError
from fastext.request import MAX_CONTENT_BYTES, is_host, read_head

# Names of the malformed heads are what is wrong with them; each must get a 400 and be the last
# request of its connection, which `test_protocol.py` checks with the same list.
MALFORMED = {
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "target with an empty host": b"GET http://:80/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "target with a user": b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "target with a bad port": b"GET http://a:8x/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "target with an open bracket": b"GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "Content-Length of many digits": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: %b\r\n\r\n"
    % (b"0" * 5000),
    "empty Host": b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "Host with a path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "Host with a user": b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
    "Host with two names": b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "Host with a bad port": b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
    "Host with an open bracket": b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
    "bad Host on HTTP/1.0": b"GET / HTTP/1.0\r\nHost: a b\r\n\r\n",
    "HTTP/0.9 without a version": b"GET /\r\n\r\n",
    "HTTP/0.9": b"GET / HTTP/0.9\r\nHost: a\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\n",
    "HTTP/1.10": b"GET / HTTP/1.10\r\nHost: a\r\n\r\n",
    "another protocol": b"GET / RTSP/1.0\r\nHost: a\r\n\r\n",
    "lower-case protocol": b"GET / http/1.1\r\nHost: a\r\n\r\n",
    "two spaces before the target": b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "two spaces before the version": b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
    "space after the version": b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
    "tab in the request line": b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "space in the target": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "no method": b" / HTTP/1.1\r\nHost: a\r\n\r\n",
    "no target": b"GET HTTP/1.1\r\nHost: a\r\n\r\n",
    "raw UTF-8 in the target": b"GET /\xc3\xbc HTTP/1.1\r\nHost: a\r\n\r\n",
    "control character in the target": b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
    "DEL in the target": b"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
    "fragment": b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
    "relative target": b"GET a HTTP/1.1\r\nHost: a\r\n\r\n",
    "method that is no token": b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
    "obs-fold": b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n",
    "obs-fold with a tab": b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\tc\r\n\r\n",
    "space before the first field": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "space before the colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "field without a name": b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
    "field without a colon": b"GET / HTTP/1.1\r\nHost: a\r\nfoo\r\n\r\n",
    "field name that is no token": b"GET / HTTP/1.1\r\nHost: a\r\nf(o: b\r\n\r\n",
    "NUL in a field": b"GET / HTTP/1.1\r\nHost: a\r\nA: b\0c\r\n\r\n",
    "control character in a field": b"GET / HTTP/1.1\r\nHost: a\r\nA: b\x01c\r\n\r\n",
    "DEL in a field": b"GET / HTTP/1.1\r\nHost: a\r\nA: b\x7fc\r\n\r\n",
    "bare CR in a field": b"GET / HTTP/1.1\r\nHost: a\r\nA: b\rc\r\n\r\n",
    "bare LF in a field": b"GET / HTTP/1.1\r\nHost: a\r\nA: b\nc: d\r\n\r\n",
    "Content-Length and Transfer-Encoding":
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "Transfer-Encoding and Content-Length":
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
    "two Content-Lengths":
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
    "list of Content-Lengths": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n",
    "signed Content-Length": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n",
    "negative Content-Length": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\n",
    "hexadecimal Content-Length": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\n",
    "empty Content-Length": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
    "unknown transfer coding": b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n",
    "chunked before another coding":
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
    "another coding before chunked":
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "two Transfer-Encodings":
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n",
    "Transfer-Encoding on HTTP/1.0": b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_head_is_refused(raw):
    with pytest.raises(BadRequest):
        read_head(raw)


def test_a_head_says_what_it_says():
    head = read_head(b"GET /a?b HTTP/1.1\r\nhOsT: localhost:2772\r\nX-A:  b c \r\nX-A:\r\n\r\n")
    assert (head.method, head.target, head.minor_version) == (b"GET", b"/a?b", 1)
    assert head.keep_alive
    assert (head.content_length, head.chunked, head.expects) == (0, False, False)
    assert head.fields == [(b"host", b"localhost:2772"), (b"x-a", b"b c"), (b"x-a", b"")]


@pytest.mark.parametrize(
    ("version", "connection", "keep_alive"),
    [("1.1", "", True), ("1.1", "close", False), ("1.1", "Close, x", False),
     ("1.1", "keep-alive", True), ("1.0", "", False), ("1.0", "keep-alive", True),
     ("1.0", "close", False), ("1.0", "keep-alive, close", False),
     ("1.0", "close,\tKeep-Alive", False), ("1.0", "keep-alive\r\nConnection: Close", False)],
)  # fmt: skip
def test_persistence_follows_version_and_connection(version, connection, keep_alive):
    field = f"Connection: {connection}\r\n" if connection else ""
    raw = f"GET / HTTP/{version}\r\nHost: a\r\n{field}\r\n".encode()
    assert read_head(raw).keep_alive == keep_alive


@pytest.mark.parametrize("method", [b"HEAD", b"POST", b"CONNECT", b"PROPFIND", b"get", b"X-Y.Z"])
def test_every_token_is_a_method_and_none_changes_the_framing(method):
    head = read_head(method + b" / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
    assert (head.method, head.content_length) == (method, 3)


def test_connect_has_a_target_of_its_own():
    head = read_head(b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nContent-Length: 3\r\n\r\n")
    assert (head.method, head.target, head.content_length) == (b"CONNECT", b"a:80", 3)
    with pytest.raises(BadRequest):
        read_head(b"GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n")


def test_there_is_no_other_expectation():
    head = read_head(b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 1\r\n\r\n")
    assert not head.expects


def test_http_1_0_expects_nothing():
    head = read_head(b"PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
    assert not head.expects


def test_content_is_told():
    chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
    assert read_head(chunked).chunked
    assert read_head(
        b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
    ).expects
    length = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
    assert read_head(length % MAX_CONTENT_BYTES).content_length == MAX_CONTENT_BYTES
    with pytest.raises(ContentTooLarge):
        read_head(length % (MAX_CONTENT_BYTES + 1))


def test_an_offer_to_upgrade_is_ignored():
    head = read_head(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    assert head.target == b"/"


@pytest.mark.parametrize(
    ("value", "good"),
    [(b"localhost", True), (b"localhost:2772", True), (b"127.0.0.1:1", True), (b"[::1]:2772", True),
     (b"[::1]", True), (b"a.b-c_d.", True), (b"a:", True), (b"", False), (b":80", False),
     (b"a b", False), (b"a:1:2", False), (b"[::1]x", False), (b"[]", False), (b"[g]", False),
     (b"\xfc", False), (b"a/b", False), (b"a%20b", True), (b"a%zz", False), (b"a%2", False),
     (b"%", False), (b"[1.2.3.4]", False), (b"[::1::]", False), (b"[v1.a:b]", False),
     (b"[fe80::1%25lo]", False), (b"[::ffff:1.2.3.4]", True)],
)  # fmt: skip
def test_hosts(value, good):
    assert is_host(value) == good


def h11_reads(raw):
    """What h11 makes of a head: method, target and fields, or None if it refuses it."""
    server = h11.Connection(h11.SERVER)
    server.receive_data(raw)
    try:
        event = server.next_event()
    except h11.RemoteProtocolError:
        return None
    if not isinstance(event, h11.Request):
        return None
    return event.method, event.target, list(event.headers)


PIECES = st.sampled_from(
    [b"GET", b"HEAD", b" ", b"/", b"/a", b"*", b"HTTP/1.1", b"HTTP/1.0", b"\r\n", b"\n", b"\r",
     b"Host: a", b"Host: b c", b"Host:", b":", b"A", b"\t", b"\0", b"\x7f", b"\xff",
     b"Content-Length: 3", b"Content-Length: x", b"Transfer-Encoding: chunked",
     b"Connection: close",
     b"Expect: 100-continue", b"Upgrade: x", b"Connection: upgrade", b"GET / HTTP/1.1\r\nHost: a"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12), st.booleans())
def test_what_h11_refuses_is_refused_and_the_rest_is_read_alike(pieces, well_begun):
    raw = b"GET / HTTP/1.1\r\nHost: a\r\n" if well_begun else b""
    raw = (raw + b"".join(pieces)).split(b"\r\n\r\n")[0].lstrip(b"\r\n") + b"\r\n\r\n"
    try:
        head = read_head(raw)
    except RequestError:
        return
    known = h11_reads(raw)
    assert known is not None, raw
    assert (head.method, head.target) == known[:2]
    assert [name for name, _ in head.fields] == [name for name, _ in known[2]]
