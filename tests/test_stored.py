"""Large contents that many clients ask for are sent out of files of memory, and stay the same."""

import contextlib
import os
import socket
import sys
from pathlib import Path

import pytest
from scene import EchoHandler, get
from test_listener import World

from fastext._lane import Reply

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the acceptor is for Linux")

CROWD = 4


class Sized(EchoHandler):
    """Replies with as many bytes as the target says, of the letter that the test has set."""

    letter = b"a"

    def reply(self, method, target, fields):
        return Reply(200, b"", self.letter * int(target.rpartition(b"/")[2]))


@pytest.fixture
def world():
    world = World(fast=True, handler=Sized)
    yield world
    world.server.lane.clear()
    world.end()


def stored():
    """Descriptors of this process's files of memory."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the descriptor that lists the others
            if "fastext content" in os.readlink(link):
                found.append(int(link.name))
    return sorted(found)


@contextlib.contextmanager
def crowd(port, count=CROWD + 1):
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(count)
        ]


def receive(connection):
    """The content of one reply, and nothing of the next."""
    content = bytearray()
    with connection.makefile("rb", buffering=0) as stream:
        head = b"".join(iter(stream.readline, b"\r\n")).lower()
        size = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(content) < size:
            chunk = stream.read(size - len(content))
            assert chunk, "the end, in the middle of a reply"
            content += chunk
    return bytes(content)


def ask_all(connections, size, rounds=4):
    """What everybody gets, asked by all at once, `rounds` times."""
    contents = set()
    for _ in range(rounds):
        for connection in connections:
            connection.sendall(get(b"/%d" % size))
        contents |= {receive(connection) for connection in connections}
    return contents


def test_a_crowd_is_sent_a_large_content_out_of_a_file_that_nobody_can_change(world):
    def client(port):
        with crowd(port) as connections:
            return ask_all(connections, 100_000), stored()

    contents, files = world.run(client)
    assert contents == {b"a" * 100_000}
    (file,) = files
    with pytest.raises(PermissionError):
        os.pwrite(file, b"z", 0)
    with pytest.raises(PermissionError):
        os.ftruncate(file, 10)


@pytest.mark.parametrize(
    ("connections", "size"),
    [(CROWD - 1, 100_000), (CROWD + 1, 32_768), (CROWD + 1, 600_000)],
    ids=["few connections", "a small content", "a content that is too large"],
)
def test_there_is_no_file_where_it_would_not_pay(world, connections, size):
    def client(port):
        with crowd(port, connections) as opened:
            return ask_all(opened, size), stored()

    assert world.run(client) == ({b"a" * size}, [])


def test_after_a_change_the_new_content_is_sent_and_the_old_file_is_closed(world):
    def client(port):
        with crowd(port) as connections:
            before = ask_all(connections, 100_000)
            world.handler.letter = b"b"
            world.loop.call_soon_threadsafe(world.server.lane.clear)
            connections[0].sendall(get(b"/1"))  # answered after the lane has been cleared
            receive(connections[0])
            return before, stored(), ask_all(connections, 100_000), stored()

    before, between, after, files = world.run(client)
    assert before == {b"a" * 100_000}
    assert between == []
    assert after == {b"b" * 100_000}
    assert len(files) == 1


def test_what_the_kernel_has_is_sent_after_its_file_is_closed(world):
    def client(port):
        with crowd(port) as connections:
            ask_all(connections, 400_000)
            for connection in connections:
                connection.sendall(get(b"/400000"))
            for connection in connections:  # each reply has begun
                connection.recv(1, socket.MSG_PEEK)
            world.handler.letter = b"b"
            world.loop.call_soon_threadsafe(world.server.lane.clear)
            with socket.create_connection(("127.0.0.1", port), timeout=20) as other:
                other.sendall(get(b"/1"))
                receive(other)
            return {receive(connection) for connection in connections}, stored()

    assert world.run(client) == ({b"a" * 400_000}, [])


def test_more_than_fits_the_way_goes_on_from_where_it_stopped(world):
    requests = 12  # of half a megabyte each, before any other is read

    def client(port):
        with crowd(port) as connections:
            ask_all(connections, 500_000)
            with socket.socket() as slow:
                slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                slow.settimeout(20)
                slow.connect(("127.0.0.1", port))
                slow.sendall(get(b"/500000"))
                first = receive(slow)
                for _ in range(requests):  # one by one, for what waits is not for the lane
                    slow.sendall(get(b"/500000"))
                    ask_all(connections[:1], 1, rounds=1)
                return first, [receive(slow) for _ in range(requests)]

    first, others = world.run(client)
    assert first == b"a" * 500_000
    assert others == [b"a" * 500_000] * requests


def test_files_are_bounded_by_their_number_and_their_bytes(world):
    def client(port):
        with crowd(port) as connections:
            found = []
            for base in (40_000, 300_000):
                for size in range(base, base + 20):
                    assert ask_all(connections, size) == {b"a" * size}
                found.append([os.fstat(file).st_size for file in stored()])
                world.loop.call_soon_threadsafe(world.server.lane.clear)
                connections[0].sendall(get(b"/1"))
                receive(connections[0])
            return found

    small, large = world.run(client)
    assert len(small) == 8
    assert 0 < sum(large) <= 2 * 1024 * 1024


def test_a_peer_that_goes_away_in_the_middle_ends_nothing_but_its_connection(world):
    def client(port):
        with crowd(port) as connections:
            ask_all(connections, 500_000)
            for _ in range(20):
                with socket.create_connection(("127.0.0.1", port), timeout=20) as leaving:
                    leaving.sendall(get(b"/500000") * 20)
                    leaving.recv(1)
            return ask_all(connections, 500_000)

    assert world.run(client) == {b"a" * 500_000}
