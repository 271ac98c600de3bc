"""Any bytes get well-formed replies, each its own request's, or a closed connection; no exception.

However the bytes are cut, whenever replies become ready, whether the peer reads them, and whether
the lane answers or the protocol alone: the replies are the same.
"""

import asyncio
import zlib
from collections.abc import Sequence
from random import Random

from scene import EchoHandler, Replies, Scene, Transport, read_replies

from fastext._lane import Reply
from fastext.protocol import HttpProtocol

WORDS = (
    b"GET /a HTTP/1.1\r\nHost: l\r\n\r\n", b"HEAD /b HTTP/1.1\r\nHost: l\r\n\r\n",
    b"GET /later HTTP/1.1\r\nHost: l\r\n\r\n", b"GET /big HTTP/1.1\r\nHost: l\r\n\r\n",
    b"GET ", b"HEAD ", b"POST ", b"CONNECT a:1", b"OPTIONS *", b"/a", b"/later", b"/big",
    b"http://l/a", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b" HTTP/2.0\r\n", b"\r\n", b"\r\n\r\n",
    b"Host: l\r\n", b"Host: [::1]:1\r\n", b"Host: a b\r\n", b"Connection: close\r\n",
    b"Connection: keep-alive\r\n", b"Connection: upgrade\r\n", b"Upgrade: h2c\r\n",
    b"Proxy-Connection: close\r\n", b"Content-Length: 0\r\n", b"Content-Length: 3\r\n",
    b"Content-Length: 65536\r\n", b"Content-Length: 65537\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n", b"Expect: 100-continue\r\n", b"Context: a=1\r\n",
    b"Context: b=2, c=3\r\n", b"Entity-Id: u\r\n", b"If-None-Match: \"x\"\r\n", b" folded\r\n",
    b"0\r\n\r\n", b"3\r\nxyz\r\n", b"3;ext=\"a\"\r\nxyz\r\n", b"0\r\nT: r\r\n\r\n",
    b"ffffffffffffffff\r\n", b"A: " + b"x" * 2000 + b"\r\n",
)  # fmt: skip

DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"


class Echo(EchoHandler):
    """Replies tell of their request everything that may matter."""

    def reply(self, method: bytes, target: bytes, fields: Sequence[tuple[bytes, bytes]]) -> Reply:
        said = [b"%b=%b" % field for field in fields if field[0] in (b"context", b"entity-id")]
        body = b"\n".join([target, *said])
        if target.startswith(b"/big"):
            body += b"\n" + b"x" * 40_000
        # The method is not told: the lane gives a HEAD and a GET one reply, as HTTP wants it.
        head = b"Content-Type: text/plain\r\n"
        return Reply(200, head, body, varies=not target.startswith(b"/same"))


class Server(Scene):
    """A server without connections, whose loop keeps what went wrong in it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, fast: bool) -> None:
        super().__init__(loop, fast=fast, handler=Echo(loop), date=lambda: DATE)
        self.protocol.connection_lost(None)
        self.faults: list[dict[str, object]] = []
        loop.set_exception_handler(lambda _, context: self.faults.append(context))

    def converse(self, chunks: Sequence[bytes], random: Random | None) -> tuple[bytes, bool]:
        """What is sent for `chunks`, and whether the connection has ended before the peer's end.

        `random` decides when replies are ready and when the peer reads; without it at once.
        """
        protocol, transport = self.connect()
        queue = list(reversed(chunks))
        writable = True
        while queue or self.handler.waiting or not writable:
            if transport.closed or transport.shut:
                break
            now = random is None or random.random() < 0.5
            if queue and transport.reading and now:
                protocol.data_received(queue.pop())
            elif self.handler.waiting and now:
                place = random.randrange(len(self.handler.waiting)) if random else 0
                ready = self.handler.waiting[place]
                del self.handler.waiting[place]
                ready()
                self.settle()
            elif random is not None and (writable := not writable):
                protocol.resume_writing()
            elif random is not None:
                protocol.pause_writing()
            else:
                raise AssertionError("nothing can go on")
        ended = transport.closed or transport.shut
        self._end(protocol, transport)
        return transport.sent, ended

    def _end(self, protocol: HttpProtocol, transport: Transport) -> None:
        if not (transport.closed or transport.shut):
            protocol.eof_received()
            self.settle()
        assert transport.closed or transport.shut, "the peer has ended, we have not"
        protocol.connection_lost(None)
        self.handler.waiting.clear()
        self.settle()
        assert not self.faults, self.faults
        assert not self.server.open


def cuts(data: bytes, random: Random) -> list[bytes]:
    """`data` in up to eight parts, or byte by byte."""
    if len(data) < 200 and random.random() < 0.2:
        return [data[place : place + 1] for place in range(len(data))]
    places = sorted(random.randrange(len(data) + 1) for _ in range(random.randrange(8)))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True) if b > a]


def well_formed(sent: bytes, data: bytes) -> Replies:
    """The replies, checked to be whole and in the order of their requests."""
    # A reply to HEAD has no content, so where h11 finds none after such a head, there was a HEAD.
    replies = read_replies(sent, methods_of(sent))
    place = 0
    for number, (status, fields, content) in enumerate(replies):
        assert fields[b"date"] == DATE
        if status == 200:
            target = content.partition(b"\n")[0]
            found = data.find(target, place)
            assert found >= 0, (target, data)
            place = found + len(target)
        else:
            assert number == len(replies) - 1, "something follows a refusal"
            assert fields[b"connection"] == b"close"
    return replies


def methods_of(sent: bytes) -> list[str]:
    """HEAD where the next reply, or the end, follows a head at once; GET elsewhere."""
    methods = []
    while sent:
        head, end, rest = sent.partition(b"\r\n\r\n")
        assert end, sent
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        without = not rest or rest.startswith(b"HTTP/1.1 ")
        methods.append("HEAD" if without and size else "GET")
        sent = rest if without else rest[size:]
    return methods


_loop: asyncio.AbstractEventLoop | None = None


def check(data: bytes) -> bool:
    global _loop
    _loop = _loop or asyncio.new_event_loop()
    random = Random(zlib.crc32(data))
    alone = Server(_loop, fast=False)
    expected = alone.converse([data] if data else [], None)
    replies = well_formed(expected[0], data)
    assert alone.converse(cuts(data, random), random) == expected, "cut otherwise"
    fast = Server(_loop, fast=True)
    for _ in range(3):  # the second and third time by other ways through the lane
        assert fast.converse([data] if data else [], None) == expected, "with the lane"
    assert fast.converse(cuts(data, random), random) == expected, "with the lane, cut otherwise"
    return any(status == 200 for status, _, _ in replies)
