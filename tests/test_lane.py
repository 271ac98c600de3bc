"""The fast lane: it answers as the protocol does, or leaves it alone, and never what is old."""

import asyncio
import random
import string
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scene import HOST, Scene, get
from test_request import MALFORMED

from fastext import response
from fastext._lane import Lane, Reply
from fastext.request import WholeRequests

CLOSE = b"Connection: close\r\n"


class World:
    """A lane over replies that the test changes."""

    def __init__(self):
        self.replies = {b"/a": response.json(200, {"v": 1})}
        self.asked = []
        self.dates = 0
        self.faults = []
        accept = WholeRequests().accept
        self.lane = Lane(self.lookup, accept, self.date, self.faults.append)

    def lookup(self, target, fields=()):
        self.asked.append(target)
        return self.replies.get(target)

    def date(self):
        self.dates += 1
        return b"Sun, 06 Nov 1994 08:49:37 GMT"

    def answer(self, data):
        return self.lane.answer(data)


@pytest.fixture
def world():
    return World()


def test_a_target_is_looked_up_once_whatever_else_the_requests_say(world):
    answers = {world.answer(get(fields=b"X-Trace: %d\r\n" % number))[0] for number in range(100)}
    assert len(answers) == 1
    assert world.asked == [b"/a"]


def test_a_request_is_kept_when_it_comes_again_and_not_before(world):
    for number in range(50):
        world.answer(get(fields=b"X-Trace: %d\r\n" % number))
    assert len(world.lane) == 0
    world.answer(get(fields=b"X-Trace: 49\r\n"))
    assert len(world.lane) == 1


def test_who_wants_to_close_is_told_so(world):
    kept, closes = world.answer(get())
    assert not closes
    assert b"Connection" not in kept
    closed, closes = world.answer(get(fields=CLOSE))
    assert closes
    assert b"\r\nConnection: close\r\n" in closed


def test_what_must_be_fetched_is_not_for_the_lane(world):
    assert world.answer(get(b"/later")) is None
    world.replies[b"/later"] = response.json(200, {})
    assert world.answer(get(b"/later")) is not None, "and is not remembered as such"


def test_a_fault_of_ours_is_not_kept(world):
    world.replies[b"/a"] = response.json(500, {"Message": "internal error"})
    assert world.answer(get()) is None
    world.replies[b"/a"] = response.json(200, {})
    assert world.answer(get()) is not None


def test_after_a_change_nothing_old_is_said(world):
    for _ in range(3):
        old, _ = world.answer(get())
    world.replies[b"/a"] = response.json(200, {"v": 2})
    world.lane.clear()
    assert len(world.lane) == 0
    for _ in range(3):
        new, _ = world.answer(get())
        assert new != old
        assert b'{"v":2}' in new


def test_the_date_is_formatted_once_a_second_and_not_once_a_request(world):
    for _ in range(1000):
        world.answer(get())
    assert world.dates <= 3


def test_a_large_body_is_kept_as_it_is(world):
    world.replies[b"/a"] = Reply(200, b"", b"x" * 100_000)
    answer, _ = world.answer(get())
    assert answer.endswith(b"\r\n\r\n" + b"x" * 100_000)


def test_the_number_of_entries_is_bounded(world):
    reply = response.json(200, {})
    for number in range(5000):
        target = b"/%d" % number
        world.replies[target] = reply
        for _ in range(2):
            assert world.answer(get(target)) is not None
    assert len(world.lane) <= 1024


def mark_of(data, size):
    """The lane's mark of a request of `size` bytes, after the words of 8 bytes in `data`."""
    mark = size
    for place in range(0, len(data) // 8 * 8, 8):
        word = int.from_bytes(data[place : place + 8], sys.byteorder)
        mark = (mark ^ word) * 0x9E3779B97F4A7C15 % 2**64
        mark ^= mark >> 32
    return mark


def of_one_mark(targets):
    """Requests for these targets that the wire cache cannot tell apart but by their bytes."""
    end = b"\r\n\r\n"
    begins = [get(target, b"X-Pad: ")[:-2] for target in targets]
    begins = [begin + b"." * (-len(begin) % 8) for begin in begins]
    marks = [mark_of(begin, len(begin) + 8 + len(end)) for begin in begins]
    letters = random.Random(1)
    for _ in range(10_000):
        word = bytes(letters.choices(string.ascii_letters.encode(), k=8))
        state = marks[0] ^ int.from_bytes(word, sys.byteorder)
        words = [(state ^ mark).to_bytes(8, sys.byteorder) for mark in marks]
        if all(byte > 0x20 and byte != 0x7F for word in words for byte in word):
            return [begin + word + end for begin, word in zip(begins, words, strict=True)]
    raise AssertionError("none of these words can stand in a field")


def test_requests_of_the_same_mark_are_told_apart(world):
    targets = [b"/a", b"/b", b"/c", b"/d"]
    for target in targets:
        world.replies[target] = response.json(200, {"target": target.decode()})
    requests = of_one_mark(targets)
    world.answer(requests[0])
    for kept, request in enumerate(requests[:3]):
        assert world.answer(request) is not None
        assert len(world.lane) == min(kept + 1, 2), "the mark was seen, and two of it are kept"
    for _ in range(3):
        for target, request in zip(targets, requests, strict=True):
            assert body(world.answer(request)) == b'{"target":"%b"}' % target


@pytest.mark.parametrize(
    "raw",
    [get() + get(), get()[:-1], b"\r\n" + get(), get(method=b"HEAD"), get(version=b"1.0"),
     get(fields=b"Content-Length: 0\r\n"), get(fields=b"Expect: x\r\n"),
     get(fields=b"Connection: close, x\r\n"), get(fields=b"Upgrade: h2c\r\n"),
     get(fields=b"Proxy-Connection: close\r\n"),
     get(fields=b"A: " + b"a" * 2048 + b"\r\n"), get(b"http://l/a"), b"",
     b"GET /a HTTP/1.1\r\nHost: [::1]\r\n\r\n"],
)  # fmt: skip
def test_what_is_not_simple_is_left_to_the_protocol(world, raw):
    assert world.answer(raw) is None


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_malformed_is_left_to_the_protocol(world, raw):
    assert world.answer(raw.replace(b"GET / ", b"GET /a ")) is None
    assert world.answer(get()) is not None, "and does no harm to the parser that all share"


LINES = st.sampled_from(
    [b"Host: l\r\n", b"host:\tl:80 \r\n", b"Host: a b\r\n", b"Connection: close\r\n",
     b"CONNECTION: Keep-Alive\r\n", b"Connection: closed\r\n", b"A: b\r\n", b"A:b\n", b" c\r\n",
     b"A : b\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"a\r\n",
     b"Expect: 100-continue\r\n", b"Upgrade: x\r\n", b"Proxy-Connection: close\r\n",
     b"Cookie: \xff\r\n", b"X: \x7f\r\n",
     b"X: \x01\r\n", b":\r\n", b"\r\n", b"Host:l\r\n\r\nGET /b HTTP/1.1\r\n"]
)  # fmt: skip
REQUEST_LINES = st.sampled_from(
    [b"GET /a HTTP/1.1\r\n", b"GET /a?b=c HTTP/1.1\r\n", b"GET  /a HTTP/1.1\r\n",
     b"GET /a  HTTP/1.1\r\n", b"GET /a#b HTTP/1.1\r\n", b"GET /\xff HTTP/1.1\r\n",
     b"GET /a HTTP/1.0\r\n", b"HEAD /a HTTP/1.1\r\n", b"GET /later HTTP/1.1\r\n", b"GET /\r\n"]
)  # fmt: skip


@settings(max_examples=400)
@given(REQUEST_LINES, st.lists(LINES, max_size=5), st.sampled_from([b"\r\n", b"", b"\r\n\r\n"]))
@example(b"GET /a HTTP/1.1\r\n", [HOST], b"\r\n")
def test_what_it_answers_the_protocol_would_answer_too(line, fields, end):
    data = line + b"".join(fields) + end
    loop = asyncio.new_event_loop()
    try:
        with_lane = Scene(loop, fast=True)
        alone = Scene(loop)
        for _ in range(3):  # the second and third time by other ways
            answer = with_lane.server.lane.answer(data)
            if answer is None:
                continue
            scene = Scene(loop)
            scene.send(data)
            assert (scene.transport.sent, scene.transport.closed) == answer
        for scene in (with_lane, alone):
            scene.send(data)
        assert with_lane.transport.sent == alone.transport.sent
        assert with_lane.transport.closed == alone.transport.closed
    finally:
        loop.close()


# ---------------------------------------------------------------- what callers say of themselves


class VariedWorld(World):
    """Replies that tell the fields that they were asked with."""

    def lookup(self, target, fields=()):
        self.asked.append((target, tuple(fields)))
        said = b",".join(name + b"=" + value for name, value in fields)
        return Reply(200, b"", target + b"|" + said, varies=target != b"/same")


def body(answer):
    return answer[0].partition(b"\r\n\r\n")[2]


@pytest.fixture
def varied():
    return VariedWorld()


def test_a_reply_that_varies_is_given_to_that_context_alone(varied):
    for _ in range(3):  # the first time, the second, and from the wire cache
        assert body(varied.answer(get(fields=b"Context: a=1\r\n"))) == b"/a|context=a=1"
        assert body(varied.answer(get(fields=b"CONTEXT:\t a=2 \r\n"))) == b"/a|context=a=2"
        assert body(varied.answer(get(fields=b"Entity-Id: u\r\n"))) == b"/a|entity-id=u"
        assert body(varied.answer(get())) == b"/a|"
        two = b"Context: a=1\r\nX: y\r\nContext: b=2\r\n"
        assert body(varied.answer(get(fields=two))) == b"/a|context=a=1,context=b=2"


def test_a_reply_that_does_not_vary_is_looked_up_once(varied):
    for number in range(10):
        varied.answer(get(b"/same", fields=b"Context: a=%d\r\n" % number))
    assert len(varied.asked) == 1


def test_who_says_nonsense_of_itself_harms_nobody_else():
    class Fussy(World):
        def lookup(self, target, fields=()):
            bad = (b"context", b"bad") in fields
            return Reply(400 if bad else 200, b"", b"", varies=not bad)

    world = Fussy()
    for fields, status in [
        (b"Context: bad\r\n", b"400"),
        (b"", b"200"),
        (b"Context: a=1\r\n", b"200"),
    ] * 3:
        assert world.answer(get(fields=fields))[0].startswith(b"HTTP/1.1 " + status)


def test_replies_to_many_contexts_are_bounded_in_bytes():
    class Large(World):
        def lookup(self, target, fields=()):
            return Reply(200, b"", b"x" * 100_000, varies=True)

    world = Large()
    for number in range(500):
        for _ in range(2):
            world.answer(get(fields=b"Context: a=%d\r\n" % number))
    assert len(world.lane) <= 45, "4 MB of them at most"
