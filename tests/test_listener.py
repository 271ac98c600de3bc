"""Connections from the kernel to the reply: the acceptor, adoption, and the plain server."""

import asyncio
import contextlib
import os
import resource
import socket
import struct
import sys

import pytest
import uvloop
from scene import EchoHandler, get, new_lane, read_replies
from test_protocol import CONVERSATIONS, echo
from test_request import MALFORMED

from fastext import protocol
from fastext._lane import Acceptor
from fastext.listener import MAX_REFUSED_AT_ONCE, Listener
from fastext.protocol import Server
from fastext.response import Date

CLOSE = b"Connection: close\r\n"
HUGE_BYTES = 8_000_000  # more than the buffers of a connection hold


class World:
    """A listener over real sockets, and clients that run beside its loop."""

    def __init__(self, fast, limit=100, handler=EchoHandler):
        self.loop = uvloop.new_event_loop()
        self.handler = handler(self.loop)
        date = Date()
        lane = new_lane(self.handler, date) if fast else None
        self.server = Server(self.loop, self.handler, limit, date, lane)
        self.listener = Listener(self.loop, self.server, 100)
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        self.port = listening.getsockname()[1]
        self.loop.run_until_complete(self.listener.start([listening]))

    def run(self, client, *arguments):
        """What a blocking client function gives, while the loop serves it."""
        return self.loop.run_until_complete(
            self.loop.run_in_executor(None, client, self.port, *arguments)
        )

    def end(self):
        self.listener.close()
        self.server.close()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


@pytest.fixture(params=[False, True], ids=["plain server", "acceptor"])
def world(request):
    if request.param and sys.platform != "linux":
        pytest.skip("the acceptor is for Linux")
    world = World(request.param)
    yield world
    world.end()


def talk(port, *chunks):
    """Send the chunks, one by one, then the end, and receive until the end."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):  # refused in the middle
            for chunk in chunks:
                client.sendall(chunk)
            client.shutdown(socket.SHUT_WR)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := client.recv(65536):
                received += chunk
        return received


@pytest.mark.parametrize(("raw", "names", "ended"), CONVERSATIONS)
def test_every_conversation_of_the_protocol_s_tests(world, raw, names, ended):
    for _ in range(3):  # the lane knows the request from the second time on
        replies = read_replies(world.run(talk, raw))
        assert [content for _, _, content in replies] == echo(*names)


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
def test_every_malformed_head_is_refused(world, raw):
    for _ in range(2):
        assert [status for status, *_ in read_replies(world.run(talk, raw))] == [400]


def test_a_request_in_pieces_is_answered(world):
    raw = get(fields=CLOSE)
    received = world.run(talk, raw[:10], raw[10:40], raw[40:])
    assert [content for *_, content in read_replies(received)] == echo(b"/a")


def test_one_connection_many_requests(world):
    def client(port):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            for number in range(50):
                connection.sendall(get(b"/%d" % (number % 3)))
                ((status, _, content),) = read_replies(connection.recv(65536))
                assert (status, [content]) == (200, echo(b"/%d" % (number % 3)))
        return True

    assert world.run(client)


def test_what_must_be_fetched_is_answered_when_it_is_there(world):
    def client(port):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(get(b"/later", CLOSE))
            world.loop.call_soon_threadsafe(release)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
            return received

    def release():
        if world.handler.waiting:
            world.handler.waiting.popleft()()
        else:
            world.loop.call_later(0.001, release)

    assert [content for *_, content in read_replies(world.run(client))] == echo(b"/later")


def test_large_replies_are_whole_before_the_connection_closes(world):
    """A client that reads slowly, and unread requests behind the last."""

    def client(port):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(get(b"/big") * 20 + get(b"/big", CLOSE) + get())
            received = b""
            while chunk := connection.recv(4096):
                received += chunk
            return received

    replies = read_replies(world.run(client))
    assert [len(content) for *_, content in replies] == [100_000] * 21
    (reply,) = read_replies(world.run(talk, get(b"/big", CLOSE)))
    assert len(reply[2]) == 100_000


@pytest.mark.parametrize("first", [b"", get()], ids=["first", "second"])
def test_a_last_reply_is_whole_whatever_the_peer_sends_behind_its_request(world, first):
    """To an orphaned socket it would be a reason to throw away what is still to be sent."""

    def client(port):
        with socket.socket() as connection:
            connection.settimeout(20)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect(("127.0.0.1", port))
            if first:
                exchanged(connection, first)
            connection.sendall(get(b"/huge", CLOSE))
            received = bytearray(connection.recv(1))
            connection.sendall(b"\r\n")
            while chunk := connection.recv(4096):
                received += chunk
            return bytes(received)

    ((_, _, content),) = read_replies(world.run(client))
    assert len(content) == HUGE_BYTES


def test_more_than_fits_the_way_is_all_sent_to_a_peer_that_has_ended_its_own(world):
    """The first bytes, too, are read no further than their replies can be sent."""
    received = world.run(talk, get(b"/big") * 200)
    assert received.count(b"HTTP/1.1 200 OK\r\n") == 200
    assert received.endswith(b"x" * 100_000)


def test_a_peer_that_does_not_read_is_not_read_from(world):
    def client(port):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(get(b"/big") * 200)
            connection.settimeout(1)
            with contextlib.suppress(TimeoutError):
                for _ in range(1000):
                    connection.sendall(b"x" * 65536)
            (protocol,) = world.server.open
            return len(protocol._buffer)

    # One read of the transport and what the lane has read.
    assert world.run(client) <= 2 * 256 * 1024


def test_peers_that_go_away_at_once_do_no_harm(world):
    def client(port):
        for raw in (b"", b"G", get(), get(fields=CLOSE), get(b"/big")):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.sendall(raw)
        return talk(port, get(fields=CLOSE))

    assert [content for *_, content in read_replies(world.run(client))] == echo(b"/a")


def test_over_the_limit_connections_are_told_so():
    world = World(fast=True, limit=2)

    def client(port):
        held = []
        for _ in range(2):
            held.append(socket.create_connection(("127.0.0.1", port)))
            held[-1].sendall(get())
            held[-1].recv(65536)
        received = talk(port, get(b"/later", CLOSE))
        for connection in held:
            connection.close()
        return received

    try:
        assert [status for status, *_ in read_replies(world.run(client))] == [503]
    finally:
        world.end()


def test_over_the_limit_a_head_is_refused_without_content():
    world = World(fast=True, limit=1)

    def client(port):
        with socket.create_connection(("127.0.0.1", port)) as held:
            exchanged(held, get())
            return talk(port, get(b"/later", method=b"HEAD"))

    try:
        ((status, _, content),) = read_replies(world.run(client), ["HEAD"])
        assert (status, content) == (503, b"")
        assert world.run(client).endswith(b"\r\n\r\n")
    finally:
        world.end()


def test_who_has_a_place_keeps_it_whatever_it_asks_for():
    """Also while others are being refused, who are counted as long as they read why."""
    world = World(fast=True, limit=2)

    def client(port):
        with contextlib.ExitStack() as stack:
            held = [
                stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in "ab"
            ]
            for peer in held:
                exchanged(peer, get())
            late = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            late.sendall(get(b"/b", method=b"OPTIONS"))
            assert late.recv(65536).startswith(b"HTTP/1.1 503")
            return [exchanged(peer, get(b"/c", method=b"OPTIONS")) for peer in held]

    try:
        assert world.run(client) == [echo(b"/c"), echo(b"/c")]
    finally:
        world.end()


def test_over_the_limit_nothing_comes_that_nobody_has_asked_for():
    """The lane answers at once, and says that this was all; nothing is refused after the fact."""
    world = World(fast=True, limit=1)

    def client(port):
        with socket.create_connection(("127.0.0.1", port)) as held:
            held.sendall(get())
            held.recv(65536)
            return talk(port, get())

    try:
        for _ in range(2):
            ((_, fields, content),) = read_replies(world.run(client))
            assert [content] == echo(b"/a")
            assert fields[b"connection"] == b"close"
    finally:
        world.end()


def test_refusals_leave_the_descriptors_free_that_are_reserved(monkeypatch):
    monkeypatch.setattr(protocol, "LINGER_S", 60)
    world = World(fast=True, limit=2)

    def client(port):
        with contextlib.ExitStack() as held:
            answers = []
            for number in range(2 + MAX_REFUSED_AT_ONCE + 20):
                peer = held.enter_context(socket.create_connection(("127.0.0.1", port)))
                peer.sendall(get(b"/later"))
                if number >= 2:
                    with contextlib.suppress(ConnectionResetError):
                        answers.append(peer.recv(65536))
            return [answer for answer in answers if answer]

    try:
        answers = world.run(client)
        assert {status for answer in answers for status, *_ in read_replies(answer)} == {503}
        assert len(answers) == MAX_REFUSED_AT_ONCE
    finally:
        world.end()


def test_a_connection_on_the_way_is_counted_once(monkeypatch):
    """Where it is open already, and its adoption not yet over, the next one still has its place."""
    world = World(fast=True, limit=2)
    ours, theirs = socket.socketpair(), socket.socketpair()
    connection_made = protocol.HttpProtocol.connection_made
    refused = []

    def with_another(self, transport):
        monkeypatch.undo()
        connection_made(self, transport)
        world.listener._adopt(theirs[0].detach(), b"", (), False, False)
        refused.append(len(world.listener._adopting) < 2)

    try:
        monkeypatch.setattr(protocol.HttpProtocol, "connection_made", with_another)
        world.listener._adopt(ours[0].detach(), b"", (), False, False)
        while not refused:
            world.loop.run_until_complete(asyncio.sleep(0))
        assert refused == [False]
    finally:
        ours[1].close()
        theirs[1].close()
        world.end()


@pytest.fixture
def acceptor():
    """An acceptor alone, which a test calls itself; its handler, and its calls for a pause."""
    paused = []
    loop = uvloop.new_event_loop()
    handler = EchoHandler(loop)
    lane = new_lane(handler, Date())
    made = Acceptor(lane, loop, set(), lambda *_: None, lambda: paused.append(True), lambda: True)
    yield made, handler, paused
    made.close()
    loop.close()


def test_without_descriptors_the_acceptor_asks_for_a_pause(acceptor):
    acceptor, _, paused = acceptor
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        with socket.create_connection(listening.getsockname()[:2]):
            with open(os.devnull, "rb") as lowest_free:
                limit = lowest_free.fileno()
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            try:
                acceptor.reader(listening.fileno())()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert paused == [True]


def test_a_reply_is_not_lost_to_what_its_peer_sends_behind_its_last_request(acceptor):
    """To close a socket with something unread resets the connection (RFC 9112 section 9.6)."""
    acceptor, handler, _ = acceptor
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()[:2]) as client,
    ):
        listening.setblocking(False)
        client.sendall(get(fields=CLOSE))

        handler.on_lookup = lambda: client.sendall(b"not expected")
        acceptor.reader(listening.fileno())()
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := client.recv(65536):
                received += chunk
    assert [content for *_, content in read_replies(received)] == echo(b"/a")


def exchanged(connection, raw, size=1):
    """The contents of `size` replies to `raw` on a connection that stays open."""
    connection.sendall(raw)
    received = b""
    while received.count(b"HTTP/1.1 200") < size or not received.endswith(b"}"):
        received += connection.recv(65536)
    return [content for *_, content in read_replies(received)]


@pytest.mark.parametrize("before", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("chunks", "names"),
    [
        ([get(b"/b")], [b"/b"]),
        ([get(b"/b")[:20], get(b"/b")[20:]], [b"/b"]),
        ([get(b"/b") + get(b"/c")[:9], get(b"/c")[9:]], [b"/b", b"/c"]),
        ([get(b"/b") + get(b"/c")], [b"/b", b"/c"]),
        ([get(b"/b", method=b"OPTIONS"), get(b"/c")], [b"/b", b"/c"]),
    ],
    ids=["whole", "in pieces", "one and a piece", "pipelined", "not for the lane"],
)
def test_whatever_comes_after_so_many_requests(world, before, chunks, names):
    """A connection has had no reply, is parked, or is watched."""

    def client(port):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(before):
                assert exchanged(connection, get()) == echo(b"/a")
            for chunk in chunks[:-1]:
                connection.sendall(chunk)
            answered = exchanged(connection, chunks[-1], len(names))
            return answered, exchanged(connection, get()), len(world.server.open)

    assert world.run(client) == (echo(*names), echo(b"/a"), 1)


@pytest.mark.parametrize("before", [0, 1, 2])
def test_connections_that_their_peers_close_are_forgotten(world, before):
    def client(port):
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                for _ in range(before):
                    exchanged(connection, get())
        return talk(port, get(fields=CLOSE))

    world.run(client)
    until = world.loop.time() + 20
    while world.server.open and world.loop.time() < until:
        world.loop.run_until_complete(asyncio.sleep(0))
    assert not world.server.open
    if world.listener._acceptor is not None:
        assert len(world.listener._acceptor) == 0


@pytest.mark.parametrize("before", [1, 2])
def test_the_end_of_the_server_closes_kept_connections(world, before):
    def client(port):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            for _ in range(before):
                exchanged(connection, get())
            world.loop.call_soon_threadsafe(world.server.close)
            return connection.recv(1)

    assert world.run(client) == b""
    assert not world.server.open


def test_a_reply_that_is_half_sent_at_the_end_is_sent_whole():
    """Its connection is on the way to a transport then."""
    world = World(fast=True)
    ours, theirs = socket.socketpair()

    async def end():
        world.listener._adopt(ours.detach(), b"", (b"the rest",), False, True)
        world.listener.close()
        await world.listener.adopted(20)
        world.server.close()
        await asyncio.wait_for(world.server.all_closed(), 20)

    try:
        with theirs:
            world.loop.run_until_complete(end())
            theirs.settimeout(20)
            assert theirs.recv(100) == b"the rest"
    finally:
        world.end()


@pytest.mark.parametrize("before", [0, 1, 2])
@pytest.mark.parametrize("fields", [b"", CLOSE], ids=["kept", "closing"])
def test_more_than_the_kernel_takes_at_once(world, before, fields):
    """The rest of a reply that was begun without a transport is sent by one."""

    def client(port):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            for _ in range(before):
                assert exchanged(connection, get()) == echo(b"/a")
            connection.sendall(get(b"/huge", fields))
            received = bytearray()
            while len(received) - (received.find(b"\r\n\r\n") + 4) < HUGE_BYTES:
                received += connection.recv(65536)
            if fields:
                while chunk := connection.recv(65536):
                    received += chunk
            else:
                assert exchanged(connection, get()) == echo(b"/a")
            return bytes(received)

    for _ in range(2):
        ((status, _, content),) = read_replies(world.run(client))
        assert status == 200
        assert content == b"y" * HUGE_BYTES


def test_replies_that_nobody_reads_wait_and_are_whole(world):
    """Requests one at a time, none of whose replies is read until the kernel takes no more."""
    count = 400

    def client(port):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            exchanged(connection, get())
            for number in range(count):
                connection.sendall(get(b"/big%d" % number))
            connection.shutdown(socket.SHUT_WR)
            received = bytearray()
            while chunk := connection.recv(65536):
                received += chunk
            return bytes(received)

    replies = read_replies(world.run(client))
    assert [content for *_, content in replies] == [b"x" * 100_000] * count


def test_after_a_pause_it_goes_on():
    world = World(fast=True)
    try:
        world.listener._pause()
        received = world.run(talk, get(fields=CLOSE))
        assert [content for *_, content in read_replies(received)] == echo(b"/a")
    finally:
        world.end()
