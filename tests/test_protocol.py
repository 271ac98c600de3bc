"""HTTP on a connection: framing, order, limits and endings, however the bytes arrive."""

import itertools

import pytest
from scene import Scene, get, read_replies
from test_request import MALFORMED

from fastext.protocol import (
    MAX_CHUNKED_BYTES,
    MAX_CONNECTIONS_EVER,
    MAX_EMPTY_LINES,
    MAX_HEAD_BYTES,
    MAX_PIPELINED,
    MAX_REQUEST_LINE_BYTES,
    RESERVED_DESCRIPTORS,
    max_connections,
)
from fastext.request import MAX_CONTENT_BYTES


@pytest.fixture(params=[False, True], ids=["protocol alone", "with the lane"])
def scene(loop, request):
    return Scene(loop, fast=request.param)


def targets(replies):
    return [content for _, _, content in replies]


def echo(*names):
    return [b'{"target":"%b"}' % name for name in names]


def ways(raw):
    """The same bytes whole, one by one, and cut in two at places that matter."""
    yield [raw]
    yield [raw[place : place + 1] for place in range(len(raw))]
    for place in range(1, len(raw), 1 if len(raw) < 300 else 97):
        yield [raw[:place], raw[place:]]


def feed_every_way(loop, raw, methods=()):
    """The replies to `raw` and whether the connection ended.

    They are the same however the bytes are cut, and whether the lane is there or not.
    """
    outcomes = []
    for chunks, fast in itertools.product(ways(raw), (False, True)):
        scene = Scene(loop, fast=fast)
        scene.send(*chunks)
        ended = scene.transport.closed or scene.transport.shut
        replies = [(status, content) for status, _, content in scene.replies(methods)]
        outcomes.append((replies, ended))
    assert all(outcome == outcomes[0] for outcome in outcomes)
    return outcomes[0]


# ---------------------------------------------------------------- framing and persistence


# What comes in, the targets that are answered, and whether the connection then ends.
CONVERSATIONS = [
        (get(), [b"/a"], False),
        (get() + get(b"/b") + get(b"/c"), [b"/a", b"/b", b"/c"], False),
        (b"\r\n\r\n" + get() + b"\r\n" + get(b"/b"), [b"/a", b"/b"], False),
        (get(fields=b"Connection: close\r\n"), [b"/a"], True),
        (get(fields=b"Connection: close\r\n") + get(b"/b"), [b"/a"], True),
        (get(method=b"PUT", fields=b"Connection: close\r\nContent-Length: 3\r\n") + b"xyz",
         [b"/a"], True),
        (get(version=b"1.0"), [b"/a"], True),
        (get(version=b"1.0", fields=b"Connection: keep-alive\r\n") + get(b"/b"),
         [b"/a", b"/b"], False),
        (b"GET /a HTTP/1.0\r\n\r\n", [b"/a"], True),
        (get(method=b"POST", fields=b"Content-Length: 3\r\n") + b"xyz" + get(b"/b"),
         [b"/a", b"/b"], False),
        (get(fields=b"Content-Length: 0\r\n") + get(b"/b"), [b"/a", b"/b"], False),
        (get(method=b"POST", fields=b"Transfer-Encoding: chunked\r\n")
         + b"3\r\nxyz\r\n0\r\nT: r\r\n\r\n" + get(b"/b"), [b"/a"], True),
        (get(method=b"POST", fields=b"Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n"
         + get(fields=b"Connection: upgrade\r\nUpgrade: h2c\r\n"), [b"/a"], True),
        (get(method=b"POST", fields=b"Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n"
         + get(b"l:1", method=b"CONNECT"), [b"/a"], True),
        (get(b"http://l:1/a"), [b"http://l:1/a"], False),
        (get(fields=b"Connection: Upgrade\r\nUpgrade: h2c\r\n") + get(b"/b"),
         [b"/a", b"/b"], False),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "names", "ended"), CONVERSATIONS)
def test_requests_are_answered_in_order_however_they_arrive(loop, raw, names, ended):
    replies, has_ended = feed_every_way(loop, raw)
    assert [content for _, content in replies] == echo(*names)
    assert has_ended == ended


def test_head_gets_the_head_of_get(scene):
    scene.send(get(method=b"HEAD") + get())
    (_, head_fields, no_content), (_, fields, content) = scene.replies(["HEAD", "GET"])
    assert (no_content, content) == (b"", b'{"target":"/a"}')
    assert head_fields == fields


@pytest.mark.parametrize(
    ("raw", "connection"),
    [(get(), None), (get(fields=b"Connection: close\r\n"), b"close"),
     (get(version=b"1.0"), b"close"),
     (get(version=b"1.0", fields=b"Connection: keep-alive\r\n"), b"keep-alive")],
)  # fmt: skip
def test_the_connection_field_tells_what_we_shall_do(scene, raw, connection):
    scene.send(raw)
    ((_, fields, _),) = scene.replies()
    assert fields.get(b"connection") == connection


def test_every_reply_has_a_date(scene):
    scene.send(get() + b"nonsense\r\n\r\n")
    assert all(b"date" in fields for _, fields, _ in scene.replies())


def test_expect_is_answered_at_once_and_the_content_not_waited_for(scene):
    scene.send(get(method=b"POST", fields=b"Expect: 100-continue\r\nContent-Length: 5\r\n"))
    ((status, fields, _),) = scene.replies()
    assert (status, fields[b"connection"]) == (200, b"close")
    assert scene.transport.shut


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_request_gets_a_400_and_is_the_last(loop, raw):
    replies, ended = feed_every_way(loop, get() + raw + get(b"/b"))
    assert [status for status, _ in replies] == [200, 400]
    assert ended


@pytest.mark.parametrize(
    "raw",
    [b"GET / HTTP/1.1\nHost: l\n\n", b"GET / HTTP/1.1\r\nHost: l\n\r\n",
     b"\nGET / HTTP/1.1\r\n\r\n",
     b"\x16\x03\x01\x02\x00\x01", b"\x00", b"(", b"GET / HTTP/1.1\r\nHost: l\r\nA: b\n"],
)  # fmt: skip
def test_what_cannot_become_http_is_refused_before_its_end(loop, raw):
    replies, ended = feed_every_way(loop, raw)
    assert [status for status, _ in replies] == [400]
    assert ended


def test_bad_chunked_content_is_refused(loop):
    raw = get(method=b"POST", fields=b"Transfer-Encoding: chunked\r\n") + b"zz\r\n"
    replies, ended = feed_every_way(loop, raw)
    assert ([status for status, _ in replies], ended) == ([400], True)


@pytest.mark.parametrize("at_once", [True, False])
def test_empty_lines_without_end_are_refused(scene, at_once):
    lines = b"\r\n" * (MAX_EMPTY_LINES + 1)
    scene.send(*[lines] if at_once else [b"\r\n"] * len(lines))
    assert [status for status, *_ in scene.replies()] == [400]
    assert scene.transport.shut


def test_empty_lines_are_counted_before_each_request(scene):
    some = b"\r\n" * MAX_EMPTY_LINES
    scene.send((some + get()) * 3)
    assert targets(scene.replies()) == echo(b"/a", b"/a", b"/a")


def test_empty_lines_are_counted_anew_for_every_request(scene):
    for _ in range(2 * MAX_EMPTY_LINES):
        scene.send(get(), b"\r\n")
    assert targets(scene.replies()) == echo(*[b"/a"] * 2 * MAX_EMPTY_LINES)


LONG_NAME = b"/" + b"a" * (MAX_REQUEST_LINE_BYTES - len(b"GET / HTTP/1.1\r\n"))


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (get(LONG_NAME), 200),
        (get(LONG_NAME + b"a"), 414),
        (b"GET /" + b"a" * MAX_REQUEST_LINE_BYTES, 414),
        (get(fields=b"A: " + b"a" * (MAX_HEAD_BYTES - 100) + b"\r\n"), 200),
        (get(fields=b"A: " + b"a" * MAX_HEAD_BYTES + b"\r\n"), 431),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * MAX_HEAD_BYTES, 431),
        (get(fields=b"Content-Length: %d\r\n" % (MAX_CONTENT_BYTES + 1)), 413),
        (get(fields=b"Transfer-Encoding: chunked\r\n") + b"%x\r\n" % (MAX_CONTENT_BYTES + 1)
         + b"x" * (MAX_CONTENT_BYTES + 1), 413),
    ],
    ids=["longest line", "longer line", "line without end", "long head", "longer head",
         "head without end", "content", "chunked content"],
)  # fmt: skip
def test_limits_have_their_statuses(scene, raw, status):
    scene.send(raw)
    ((got, fields, _),) = scene.replies()
    assert got == status
    assert (fields.get(b"connection") == b"close") == (status != 200)


def test_the_limit_of_chunked_content_ends_with_it(scene):
    chunked = get(method=b"POST", fields=b"Transfer-Encoding: chunked\r\n") + b"1\r\nx\r\n0\r\n\r\n"
    size = MAX_CONTENT_BYTES
    scene.send(chunked + get(method=b"POST", fields=b"Content-Length: %d\r\n" % size) + b"x" * size)
    assert targets(scene.replies()) == echo(b"/a")


@pytest.mark.parametrize("endless", [b"A: b\r\n", b"1;" + b"x" * 1000 + b"\r\nx\r\n"])
def test_chunks_and_trailers_without_end_are_refused(scene, endless):
    begin = b"0\r\n" if endless.startswith(b"A") else b""
    scene.send(get(method=b"POST", fields=b"Transfer-Encoding: chunked\r\n") + begin)
    for _ in range(MAX_CHUNKED_BYTES // len(endless) + 2):
        scene.send(endless)
    assert [status for status, *_ in scene.replies()] == [413]
    assert scene.transport.shut


def test_content_in_chunks_of_one_byte_is_read(scene):
    scene.send(get(method=b"POST", fields=b"Transfer-Encoding: chunked\r\n"))
    for _ in range(16):
        scene.send(b"1\r\nx\r\n" * (MAX_CONTENT_BYTES // 16))
    scene.send(b"0\r\n\r\n")
    assert targets(scene.replies()) == echo(b"/a")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"HEAD / HTTP/1.2\r\nHost: l\r\n\r\n", 400),
        (b"HEAD /" + b"a" * MAX_REQUEST_LINE_BYTES, 414),
        (b"HEAD / HTTP/1.1\r\nA: " + b"a" * MAX_HEAD_BYTES, 431),
        (get(method=b"HEAD", fields=b"Content-Length: %d\r\n" % (MAX_CONTENT_BYTES + 1)), 413),
        (get(method=b"HEAD", fields=b"Transfer-Encoding: chunked\r\n") + b"zz\r\n", 400),
    ],
    ids=["version", "line", "head", "content", "chunks"],
)
def test_a_refused_head_request_gets_no_content(scene, raw, status):
    scene.send(get(), *[raw[place : place + 4096] for place in range(0, len(raw), 4096)])
    _, (got, fields, content) = scene.replies(["GET", "HEAD"])
    assert (got, content) == (status, b"")
    assert int(fields[b"content-length"]) > 0


HEAD_END = MAX_HEAD_BYTES - len(get(fields=b"A: \r\n")) + 4


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET " + b"x" * 5000 + b"\n" + b"x" * 4000, 400),
        (b"GET " + b"x" * 9000 + b"\n", 414),
        (b"GET / HTTP/1.1\r\nA: \n" + b"x" * MAX_HEAD_BYTES, 400),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * MAX_HEAD_BYTES + b"\n", 431),
        (get(fields=b"A: " + b"a" * HEAD_END + b"\r\n"), 200),
        (get(fields=b"A: " + b"a" * (HEAD_END + 1) + b"\r\n"), 431),
        (get(fields=b"Transfer-Encoding: chunked\r\n") + b"10001\r\n" + b"x" * 65537 + b"zz", 413),
        (get(fields=b"Transfer-Encoding: chunked\r\n") + b"10000\r\n" + b"x" * 65536 + b"zz", 400),
    ],
    ids=["LF in a long line", "LF behind a long line", "LF in a long head", "LF behind a long head",
         "longest head", "longer head", "malformed behind long content", "malformed content"],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 3, 4096, 10**6])
def test_of_two_faults_the_first_is_told_however_they_arrive(scene, raw, status, size):
    scene.send(*[raw[place : place + size] for place in range(0, len(raw), size)])
    ((got, *_),) = scene.replies()
    assert got == status


def test_over_the_limit_a_connection_is_told_so(loop):
    scene = Scene(loop, limit=2)
    scene.connect()
    protocol, transport = scene.connect()
    ((status, fields, content),) = read_replies(transport.sent)
    assert (status, fields[b"connection"]) == (503, b"close")
    assert b"over 2 connections" in content
    protocol.connection_lost(None)
    scene.protocol.connection_lost(None)
    _, transport = scene.connect()
    assert transport.sent == b""


def test_the_descriptor_limit_sets_how_many_connections_there_may_be(monkeypatch):
    import resource

    for soft, limit in [(1024, 1024 - RESERVED_DESCRIPTORS), (10**6, MAX_CONNECTIONS_EVER),
                        (resource.RLIM_INFINITY, MAX_CONNECTIONS_EVER), (70, 35),
                        (128, 64)]:  # fmt: skip
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert max_connections() == limit


# ---------------------------------------------------------------- order, and slow peers


def test_a_reply_that_fails_ends_the_connection(loop, scene):
    told = []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))

    def failing(*_):
        future = loop.create_future()
        scene.handler.waiting.append(lambda: future.set_exception(RuntimeError("unforeseen")))
        return future

    scene.handler.handle = failing
    scene.send(get())
    scene.handler.waiting.pop()()
    scene.settle()
    assert scene.transport.closed
    assert [str(fault) for fault in told] == ["unforeseen"]


def test_a_reply_that_is_ready_waits_for_those_before_it(scene):
    scene.send(get(b"/later1") + get(b"/b") + get(b"/later2") + get(b"/c"))
    assert scene.transport.sent == b""
    later1, later2 = scene.handler.waiting
    later2()
    scene.settle()
    assert scene.transport.sent == b""
    later1()
    scene.settle()
    assert targets(scene.replies()) == echo(b"/later1", b"/b", b"/later2", b"/c")


def test_a_bad_request_behind_a_slow_one_is_answered_after_it(scene):
    scene.send(get(b"/later") + b"nonsense\r\n\r\n")
    assert scene.transport.sent == b""
    scene.handler.waiting.popleft()()
    scene.settle()
    assert [status for status, _, _ in scene.replies()] == [200, 400]
    assert scene.transport.shut


def test_only_so_many_requests_wait_and_the_rest_is_not_read(scene):
    scene.send(get(b"/later") * (MAX_PIPELINED + 3))
    assert len(scene.handler.waiting) == MAX_PIPELINED
    assert not scene.transport.reading
    while scene.handler.waiting:
        scene.handler.waiting.popleft()()
        scene.settle()
    assert len(scene.replies()) == MAX_PIPELINED + 3
    assert scene.transport.reading


def test_a_peer_that_does_not_read_is_not_read_from(scene):
    scene.protocol.pause_writing()
    scene.send(get() + get(b"/b"))
    assert scene.transport.sent == b""
    assert not scene.transport.reading
    scene.protocol.resume_writing()
    assert targets(scene.replies()) == echo(b"/a", b"/b")
    assert scene.transport.reading


def test_a_peer_that_has_sent_its_last_still_gets_its_reply(scene):
    scene.send(get(b"/later"))
    assert scene.protocol.eof_received()
    scene.handler.waiting.popleft()()
    scene.settle()
    assert targets(scene.replies()) == echo(b"/later")
    assert scene.transport.closed


def test_a_peer_that_has_sent_its_last_gets_all_replies_however_many_wait(scene):
    count = MAX_PIPELINED + 3
    scene.send(get(b"/later") * count + b"GET /")
    assert scene.protocol.eof_received()
    while scene.handler.waiting:
        scene.handler.waiting.popleft()()
        scene.settle()
    assert len(scene.replies()) == count
    assert scene.transport.closed


def test_a_peer_that_goes_away_is_forgotten(scene):
    scene.send(get(b"/later"))
    assert not scene.server.all_closed().done()
    scene.protocol.connection_lost(ConnectionResetError())
    scene.transport.closed = True
    scene.handler.waiting.popleft()()
    scene.settle()
    assert scene.transport.sent == b""
    assert scene.server.all_closed().done()


def test_a_refused_peer_has_time_to_read_why(scene):
    scene.send(b"nonsense\r\n\r\n")
    assert scene.transport.shut
    assert not scene.transport.closed
    scene.transport.unsent = 1
    scene.protocol._stop_lingering()
    assert not scene.transport.closed, "what was not sent yet is sent first"
    scene.transport.unsent = 0
    scene.protocol._stop_lingering()
    assert scene.transport.closed
