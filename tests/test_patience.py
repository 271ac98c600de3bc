"""Slow clients, by a clock that the test moves."""

import pytest
from scene import HOST, Scene, get

from fastext.patience import READING_S, REQUEST_S, SWEEP_S, Patience


class Loop:
    """The clock and the timers of a loop."""

    def __init__(self):
        self.now = 0.0
        self.timers = []

    def time(self):
        return self.now

    def call_later(self, delay, call):
        self.timers.append((self.now + delay, call))

    def pass_time(self, seconds):
        until = self.now + seconds
        while self.timers and self.timers[0][0] <= until:
            self.now, call = self.timers.pop(0)
            call()
        self.now = until


class Connection:
    def __init__(self):
        self.cut = 0

    def too_slow(self):
        self.cut += 1


def test_who_is_waited_for_too_long_is_cut_and_nobody_is_looked_at_for_nothing():
    loop = Loop()
    patience = Patience(loop)
    slow, quick = Connection(), Connection()
    patience.expect(slow, 10)
    patience.expect(quick, 10)
    loop.pass_time(5)
    patience.expect(slow, 10)  # dripping gives no further time
    patience.forget(quick)
    loop.pass_time(4)
    assert slow.cut == 0
    loop.pass_time(1 + SWEEP_S)
    assert (slow.cut, quick.cut) == (1, 0)
    assert len(patience) == 0
    assert loop.timers == []


def test_who_is_waited_for_again_while_being_cut_is_looked_at_again():
    loop = Loop()
    patience = Patience(loop)

    class Reader(Connection):
        def too_slow(self):
            super().too_slow()
            if self.cut == 1:
                patience.expect(self, 30)

    reader = Reader()
    patience.expect(reader, 30)
    loop.pass_time(30 + SWEEP_S)
    assert reader.cut == 1
    loop.pass_time(30 + SWEEP_S)
    assert reader.cut == 2
    assert loop.timers == []


@pytest.fixture
def scene(loop):
    """A connection whose server's clock is the test's."""
    scene = Scene(loop)
    scene.clock = Loop()
    scene.server.patience = Patience(scene.clock)
    return scene


@pytest.mark.parametrize(
    "begun",
    [b"GET /a HT", b"GET /a HTTP/1.1\r\n" + HOST,
     b"GET /a HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nabc",
     b"GET /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\n"],
    ids=["line", "head", "content", "chunk"],
)  # fmt: skip
def test_a_request_that_drips_gets_a_408(scene, begun):
    scene.send(begun)
    scene.clock.pass_time(REQUEST_S - 1)
    scene.send(b"x" if b"Content-Length" in begun else b"")
    assert scene.transport.sent == b""
    scene.clock.pass_time(1 + SWEEP_S)
    assert scene.transport.sent.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"Connection: close" in scene.transport.sent


def test_whole_requests_one_after_the_other_are_never_cut(scene):
    request = get()
    scene.send(request[:10])
    for _ in range(5):
        scene.clock.pass_time(REQUEST_S / 2)
        scene.send(request[10:] + request[:10])
    assert b"408" not in scene.transport.sent


def test_an_idle_connection_is_not_cut(scene):
    scene.send(get())
    scene.clock.pass_time(24 * 3600)
    assert scene.clock.timers == []
    assert not scene.transport.closed


def test_a_reply_of_which_nothing_is_read_is_cut_and_a_slow_reader_is_not(scene):
    transport, protocol = scene.transport, scene.protocol
    transport.unsent = 1000
    protocol.pause_writing()
    scene.clock.pass_time(READING_S - 1)
    transport.unsent = 900
    scene.clock.pass_time(1 + SWEEP_S)
    assert not transport.closed, "a hundred bytes were read"
    scene.clock.pass_time(READING_S + SWEEP_S)
    assert transport.closed


@pytest.mark.parametrize("requests", [1, 2, 30])
def test_a_reply_of_which_nothing_is_read_from_the_first_byte_is_cut(scene, requests):
    transport, protocol = scene.transport, scene.protocol
    assert transport.high == 0, "however little it is that is not read"

    def full():
        transport.unsent += 1000
        protocol.pause_writing()

    transport.pauses = full
    scene.send(get(b"http://l/a") * requests)
    scene.clock.pass_time(READING_S + SWEEP_S)
    assert transport.closed
