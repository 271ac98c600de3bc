"""The direct client's HTTP: what is an answer, and what is not."""

import contextlib
import socket
import threading

import pytest

from fastext.deadline import Deadline
from fastext.errors import TimedOut, Unavailable
from fastext.exchange import MAX_CONTENT_BYTES, MAX_HEAD_BYTES, Origin
from fastext.tls import Trust

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Scripted:
    """A server that plays one script per connection: parts to send, each upon a request."""

    def __init__(self, *scripts, close=True):
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.connections = 0
        self._kept = []
        self._close = close
        self._thread = threading.Thread(target=self._serve, args=(scripts,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)
        for peer in self._kept:
            peer.close()

    def _serve(self, scripts):
        for script in scripts:
            try:
                peer, _ = self._listening.accept()
            except OSError:
                break
            self.connections += 1
            for answer in script:
                peer.recv(65536)
                with contextlib.suppress(OSError):
                    peer.sendall(answer)
            if self._close:
                peer.close()
            else:
                self._kept.append(peer)


@contextlib.contextmanager
def origin_of(server):
    origin = Origin("http", "127.0.0.1", server.port, Trust(None))
    yield origin
    origin.close()


def answered(*script, timeout_s=10.0):
    with Scripted(script) as server, origin_of(server) as origin:
        return origin.send(REQUEST, Deadline(timeout_s))


@pytest.mark.parametrize(
    ("answer", "status", "content"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi"),
        (b"HTTP/1.1 200\r\ncontent-length:2\r\n\r\nhi", 200, b"hi"),
        (b"HTTP/1.0 404 No\r\nContent-Length: 0\r\n\r\n", 404, b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 200, b"hi"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
         b"1;x=y\r\nh\r\n1\r\ni\r\n0\r\nTrailer: 1\r\n\r\n", 200, b"hi"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi"),
        (b"HTTP/1.1 102 Processing\r\nA: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
         b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi"),
    ],
)  # fmt: skip
def test_answers_are_read_whole(answer, status, content):
    got = answered(answer)
    assert (got.status, got.content) == (status, content)


def test_fields_are_found_by_lower_case_name():
    got = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nVersion-Label:  v 1 \r\n\r\n")
    assert got.fields["version-label"] == "v 1"


def test_fields_of_one_name_are_one_list():
    got = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: 1\r\na:  2 \r\nA: 1\r\n\r\n")
    assert got.fields["a"] == "1, 2, 1"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"", "is not complete"),
        (b"SSH-2.0-x\r\n", "not HTTP"),
        (b"HTTP/2 200\r\n\r\n", "not HTTP/1.1"),
        (b"HTTP/1.1 abc\r\n\r\n", "not HTTP/1.1"),
        (b"HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n", "not HTTP/1.1"),
        (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "not HTTP"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "changes the protocol"),
        (b"HTTP/1.1 2000\r\n\r\n", "not HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", "the head of the answer is not complete"),
        (b"HTTP/1.1 200 OK\r\n\r\nhi", "the head of the answer is not complete"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", "the answer is not complete"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "Content-Length is '-1'"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi", "several"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_CONTENT_BYTES + 1), "accepted"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\n" % (b"9" * 5000), "Content-Length is '9"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nA: b\nB: c\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "transfer coding 'gzip'"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "a chunk of"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "a chunk of"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n", "where it says"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4000001\r\n", "a chunk of"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * (MAX_HEAD_BYTES + 300_000), "too large"),
    ],
)
def test_what_is_no_answer_is_said(answer, says):
    with pytest.raises(Unavailable, match="no usable answer from http://127") as raised:
        answered(answer)
    assert says in raised.value.message


def test_a_silent_server_ends_by_the_deadline():
    with (
        Scripted([b""], close=False) as server,
        origin_of(server) as origin,
        pytest.raises(TimedOut, match=r"within 0\.1 s"),
    ):
        origin.send(REQUEST, Deadline(0.1))


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def test_a_connection_is_kept_unless_the_answer_closes_it():
    closing = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with Scripted([OK, OK, closing], [OK]) as server, origin_of(server) as origin:
        for _ in range(4):
            origin.send(REQUEST, Deadline(10))
    assert server.connections == 2


def test_a_kept_connection_that_ends_in_the_middle_of_an_answer_is_not_tried_again():
    with Scripted([OK, OK[:20]], [OK]) as server, origin_of(server) as origin:
        origin.send(REQUEST, Deadline(10))
        with pytest.raises(Unavailable, match="not complete"):
            origin.send(REQUEST, Deadline(10))
    assert server.connections == 1


def test_what_follows_an_answer_unasked_is_not_taken_for_the_next_one():
    unasked = b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"
    with Scripted([OK + unasked], [OK]) as server, origin_of(server) as origin:
        origin.send(REQUEST, Deadline(10))
        assert origin.send(REQUEST, Deadline(10)).status == 200
    assert server.connections == 2


@pytest.mark.parametrize(
    ("scheme", "host", "port", "authority"),
    [("https", "h", 443, "h"), ("http", "h", 80, "h"), ("https", "h", 80, "h:80"),
     ("http", "::1", 8080, "[::1]:8080")],
)  # fmt: skip
def test_the_authority_names_the_port_only_where_it_must(scheme, host, port, authority):
    assert Origin(scheme, host, port, Trust(None)).authority == authority
