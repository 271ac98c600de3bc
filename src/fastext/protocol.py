"""HTTP/1.1 on one connection: bytes to requests, replies back in the order of the requests.

    data_received -> the lane, if nothing else is going on, or
        received -> buffer -> _next_head -> handler -> queue of replies -> transport

A request whose reply is not ready yet holds back those behind it, not the reading of them: up to
MAX_PIPELINED requests wait in the queue, then the connection reads no further. A reply that the
peer does not read stops the reading as well, so no client can make us keep more than a buffer.

After a malformed message nothing behind it can be trusted (RFC 9112 section 9.6): the reply says
`Connection: close`, our side is shut, and what still comes is thrown away until the peer has
read the reply and closed, or LINGER_S have passed.
"""

import asyncio
import resource
from collections import deque
from collections.abc import Awaitable, Callable
from typing import cast

import httptools

from fastext import response
from fastext._lane import BareConnection, Lane, LaneConnection, Reply
from fastext.errors import (
    BadRequest,
    ContentTooLarge,
    HeadTooLarge,
    RequestError,
    RequestTimeout,
    TargetTooLong,
    TooManyConnections,
)
from fastext.handler import Handler
from fastext.patience import READING_S, REQUEST_S, Patience
from fastext.request import MAX_CONTENT_BYTES, TOKEN_BYTES, Head, read_head

# RFC 9112 section 3 recommends at least 8000 octets; our longest useful target, three names of 128
# characters that are all escapes and a few dozen flags, stays below it.
MAX_REQUEST_LINE_BYTES = 8 * 1024

# Go's and nginx's defaults are larger; a client of ours has no reason for more fields than these.
MAX_HEAD_BYTES = 32 * 1024

# Sizes, extensions and trailers count here, and even chunks of one byte stay below: six bytes each.
MAX_CHUNKED_BYTES = 8 * MAX_CONTENT_BYTES

# Some old clients send one after the content of a request; a peer that sends nothing else is none.
MAX_EMPTY_LINES = 16

# Clients that pipeline at all send a handful; each one waiting costs us a reply's memory.
MAX_PIPELINED = 64

# Lambda gives a sandbox 1,024 descriptors; these stay free for AWS, the Extensions API and files.
RESERVED_DESCRIPTORS = 64
MAX_CONNECTIONS_EVER = 8192

# How long a connection that was refused may take to read why.
LINGER_S = 1.0

# Buffers of a reply that the kernel has not taken yet.
Unsent = tuple[bytes | memoryview, ...]

_CLOSE = b"Connection: close\r\n"
_KEEP_ALIVE = b"Connection: keep-alive\r\n"


def max_connections() -> int:
    """How many client connections the descriptor limit of this process leaves room for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS_EVER
    return min(max(soft - RESERVED_DESCRIPTORS, soft // 2), MAX_CONNECTIONS_EVER)


class Server:
    """What all connections share: the handler, the date and the count of connections.

    `lane` answers what it can before the protocol looks at it; None leaves all to the protocol.
    """

    __slots__ = ("_closed", "date", "handler", "lane", "limit", "loop", "open",
                 "patience")  # fmt: skip

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        handler: Handler,
        limit: int,
        date: Callable[[], bytes],
        lane: Lane | None = None,
    ) -> None:
        self.loop = loop
        self.handler = handler
        self.limit = limit
        self.date = date
        self.lane = lane
        self.patience = Patience(loop)
        self.open: set[HttpProtocol | BareConnection] = set()
        self._closed: asyncio.Future[None] | None = None

    def protocol(self) -> "HttpProtocol":
        """The protocol of a new connection."""
        return HttpProtocol(self)

    def close(self) -> None:
        """Close every connection once it has sent the replies that are ready."""
        for connection in tuple(self.open):
            connection.close()

    def all_closed(self) -> "asyncio.Future[None]":
        """Done when no connection is open."""
        if self._closed is None:
            self._closed = self.loop.create_future()
        return self._closed

    def lost(self, protocol: "HttpProtocol") -> None:
        self.patience.forget(protocol)
        self.open.discard(protocol)
        if not self.open and self._closed is not None and not self._closed.done():
            self._closed.set_result(None)


class _Exchange:
    """A request and its reply, in the queue of its connection."""

    __slots__ = ("connection", "last", "more_may_come", "reply", "with_body")

    def __init__(
        self, connection: bytes, *, last: bool, with_body: bool = True, more_may_come: bool = False
    ) -> None:
        self.connection = connection
        self.last = last
        self.with_body = with_body
        self.more_may_come = more_may_come  # behind the last request: unread, but sent
        self.reply: Reply | None = None


class HttpProtocol(LaneConnection, asyncio.Protocol):
    """The protocol of one connection; what is simple is answered by `LaneConnection` before.

    Of a connection that had no transport before, `first` has been read already, and `unsent` is
    the rest of a reply, to be sent before all; `last` says that nothing comes behind it. Who is
    `admitted` has its place among the connections already.
    """

    __slots__ = ("_admitted", "_awaiting_content", "_buffer", "_chunked", "_content_left",
                 "_empty_lines", "_exchanges", "_finished", "_first", "_last", "_linger",
                 "_no_more", "_paused", "_scanned", "_server", "_transport", "_unread", "_unsent",
                 "_writable")  # fmt: skip

    _transport: asyncio.Transport

    def __init__(
        self,
        server: Server,
        first: bytes = b"",
        unsent: Unsent = (),
        *,
        last: bool = False,
        admitted: bool = False,
    ) -> None:
        super().__init__(server.lane)
        self._server = server
        self._first = first
        self._unsent = unsent
        self._last = last
        # In the middle of a reply there is no room for another status.
        self._admitted = admitted or bool(unsent)
        # Of the connection
        self._buffer = b""
        self._exchanges: deque[_Exchange] = deque()
        self._paused = False  # our reading
        self._writable = True
        self._unread = 0  # bytes of replies, when they last were too many
        self._no_more = False  # the peer has sent all that it will
        self._finished = False  # no further request is read
        self._linger: asyncio.TimerHandle | None = None
        # Of the message that is being read
        self._scanned = 0  # bytes of the buffer in which no head ends
        self._empty_lines = 0  # that came before it
        self._awaiting_content: Head | None = None
        self._content_left = 0
        self._chunked: _ChunkedContent | None = None

    # -- transport events

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        # Whatever the kernel does not take at once is waited for (READING_S).
        self._transport.set_write_buffer_limits(0)
        server = self._server
        server.open.add(self)
        if len(server.open) > server.limit and not self._admitted:
            self._refuse(TooManyConnections(f"over {server.limit} connections are open"))
            return
        self.connected(transport)
        if self._unsent:
            self._transport.writelines(self._unsent)
            self._unsent = ()
            if self._last:
                self.close_after_reply()
        if self._first:
            # Not at once: uvloop begins to read after this call, whatever was paused in it.
            self.idle = False
            server.loop.call_soon(self._begin)

    def _begin(self) -> None:
        """Take in what was read before there was a transport."""
        if self._first and not self._finished:
            first, self._first = self._first, b""
            self.idle = self._server.lane is not None
            self.data_received(first)

    def received(self, data: bytes) -> None:
        """Take in what the lane has left."""
        self._begin()
        if self._finished:
            return
        self._buffer = self._buffer + data if self._buffer else data
        self._advance()

    def eof_received(self) -> bool:
        # The peer has sent its last request, but may still read (RFC 9112 section 9.6).
        self._begin()
        self._no_more = True
        self._advance()
        return bool(self._exchanges) or not self._finished

    def pause_writing(self) -> None:
        self._writable = self.idle = False
        self._unread = self._transport.get_write_buffer_size()
        patience = self._server.patience
        patience.forget(self)
        patience.expect(self, READING_S)

    def resume_writing(self) -> None:
        self._writable = True
        self._server.patience.forget(self)
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.lost(self)
        self._finished = True
        self.idle = False
        self._exchanges.clear()
        if self._linger is not None:
            self._linger.cancel()

    def too_slow(self) -> None:
        """A request has not come whole in time, or a reply is not read."""
        if self._writable:
            self._refuse(RequestTimeout(f"the request is not complete after {REQUEST_S:.0f} s"))
            return
        unread = self._transport.get_write_buffer_size()
        if unread < self._unread:
            self._unread = unread
            self._server.patience.expect(self, READING_S)
        else:
            self._transport.abort()

    def close(self) -> None:
        """Send what is ready and close."""
        self._finished = True
        self.idle = False
        self._transport.close()

    def close_after_reply(self) -> None:
        """Close behind a reply that was the last.

        What a peer still sends would destroy the part of it that is on the way.
        """
        self._finished = True
        self.idle = False
        if self._transport.get_write_buffer_size() and not self._no_more:
            self._start_lingering()
        else:
            self._transport.close()

    # -- requests

    def _advance(self) -> None:
        """Answer every request that is complete, as long as there is room for its reply."""
        try:
            self._answer_complete()
        except BaseException:
            # The peer need not wait for what will not come.
            self._transport.abort()
            raise

    def _go_on(self) -> None:
        """Send what has become ready, and answer what has come meanwhile."""
        try:
            self._flush()
            self._answer_complete()
        except BaseException:
            self._transport.abort()
            raise

    def _answer_complete(self) -> None:
        while not self._finished and self._writable and len(self._exchanges) < MAX_PIPELINED:
            try:
                head = self._next_request()
            except RequestError as fault:
                self._refuse(fault)
                return
            if head is None:
                if self._no_more:
                    self._finished = True
                    self._flush()
                break
            self._server.patience.forget(self)  # what follows is another request
            self._answer(head)
        # The lane may answer the next request if nothing is half done here.
        self.idle = self._server.lane is not None and not (
            self._buffer
            or self._exchanges
            or self._awaiting_content
            or self._finished
            or self._empty_lines  # that count towards the next request
        )
        self._set_paused(not (self._writable and len(self._exchanges) < MAX_PIPELINED))
        if (self._buffer or self._awaiting_content) and self._writable and not self._paused:
            self._server.patience.expect(self, REQUEST_S)

    def _set_paused(self, paused: bool) -> None:
        if paused == self._paused or self._no_more or self._transport.is_closing():
            return
        self._paused = paused
        if paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _next_request(self) -> Head | None:
        """The next request whose head and content are here, taken from the buffer."""
        head = self._awaiting_content
        if head is None:
            head = self._next_head()
            if head is None:
                return None
            if head.expects and (head.chunked or head.content_length):
                # RFC 9110 section 10.1.1: a final status instead of 100 (Continue) tells the
                # client to keep its content; it may have begun to send, so this is the end.
                head.keep_alive = False
                return head
            self._content_left = head.content_length
            self._chunked = _ChunkedContent() if head.chunked else None
            self._awaiting_content = head
        if not self._skip_content():
            return None
        self._awaiting_content = None
        return head

    def _next_head(self) -> Head | None:
        while self._buffer.startswith(b"\r\n"):
            # RFC 9112 section 2.2: empty lines before a request line are ignored.
            self._empty_lines += 1
            if self._empty_lines > MAX_EMPTY_LINES:
                raise BadRequest(f"over {MAX_EMPTY_LINES} empty lines before the request line")
            self._buffer = self._buffer[2:]
            self._scanned = 0
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n", self._scanned)
        self._scanned = max(0, len(buffer) - 3)
        check_limits(buffer, end)
        if end < 0:
            return None
        head = read_head(buffer[: end + 4])
        self._buffer = buffer[end + 4 :]
        self._scanned = self._empty_lines = 0
        return head

    def _skip_content(self) -> bool:
        """Throw away content that has come; whether it was the last of it."""
        buffer = self._buffer
        if self._chunked is not None:
            self._buffer = b""
            return self._chunked.feed(buffer)
        self._buffer = buffer[self._content_left :]
        self._content_left -= len(buffer) - len(self._buffer)
        return self._content_left == 0

    def _answer(self, head: Head) -> None:
        # Where chunked content ends is known to its parser alone, so nothing is read behind it.
        last = not head.keep_alive or head.chunked
        connection = _CLOSE if last else b"" if head.minor_version else _KEEP_ALIVE
        exchange = _Exchange(
            connection,
            last=last,
            with_body=head.method != b"HEAD",
            more_may_come=bool(self._buffer) or head.chunked or head.expects,
        )
        self._exchanges.append(exchange)
        self._finished = last
        reply = self._server.handler.handle(head.method, head.target, head.fields)
        if isinstance(reply, Reply):
            exchange.reply = reply
            self._flush()
        else:
            self._await_reply(exchange, reply)

    def _await_reply(self, exchange: _Exchange, reply: Awaitable[Reply]) -> None:
        def done(task: asyncio.Future[Reply]) -> None:
            if task.cancelled():  # the process ends
                return
            try:
                exchange.reply = task.result()
            except BaseException:
                # The peer need not wait for what will not come.
                self._transport.abort()
                raise
            self._go_on()

        asyncio.ensure_future(reply, loop=self._server.loop).add_done_callback(done)

    def _refuse(self, fault: RequestError) -> None:
        # What is refused still stands in the buffer or before it, or its content does.
        head = self._awaiting_content
        to_head = (
            head.method == b"HEAD" if head else (self._buffer or self._first).startswith(b"HEAD ")
        )
        exchange = _Exchange(_CLOSE, last=True, with_body=not to_head, more_may_come=True)
        exchange.reply = response.error(fault)
        self._exchanges.append(exchange)
        self._finished = True
        self.idle = False
        self._set_paused(False)
        self._flush()

    # -- replies

    def _flush(self) -> None:
        """Send the replies at the head of the queue that are ready."""
        transport = self._transport
        while self._exchanges and not transport.is_closing() and self._writable:
            exchange = self._exchanges[0]
            if exchange.reply is None:
                return
            self._exchanges.popleft()
            buffers = exchange.reply.buffers(
                self._server.date(), exchange.connection, with_body=exchange.with_body
            )
            if len(buffers) == 1:
                transport.write(buffers[0])
            else:
                transport.writelines(buffers)
            if exchange.last:
                self._exchanges.clear()
                if exchange.more_may_come:
                    self._start_lingering()
        if self._finished and not self._exchanges and self._linger is None:
            self.close_after_reply()

    def _start_lingering(self) -> None:
        """Shut our side, and close when the peer has had time to read the reply.

        Closing a socket with unread bytes resets the connection, and the reset can overtake the
        reply (RFC 9112 section 9.6).
        """
        self._transport.write_eof()
        self._linger = self._server.loop.call_later(LINGER_S, self._stop_lingering)

    def _stop_lingering(self) -> None:
        if self._transport.get_write_buffer_size():
            self._linger = self._server.loop.call_later(LINGER_S, self._stop_lingering)
        else:
            self._transport.abort()


class _ChunkedContent:
    """Reads chunked content to its end (RFC 9112 section 7.1), by httptools.

    What comes behind the end is another message, and changes nothing.
    """

    __slots__ = ("_complete", "_fed", "_parser", "_size")

    def __init__(self) -> None:
        self._complete = False
        self._size = self._fed = 0
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        if not self._complete:
            self._size += len(body)

    def on_message_complete(self) -> None:
        self._complete = True

    def feed(self, data: bytes) -> bool:
        """Whether the content is complete. Raises BadRequest or ContentTooLarge."""
        self._fed += len(data)
        failed = None
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as fault:
            failed = fault
        if self._size > MAX_CONTENT_BYTES:
            raise ContentTooLarge(f"content of over {MAX_CONTENT_BYTES} bytes is not read")
        if failed is not None and not self._complete:
            raise BadRequest(f"malformed chunked content: {failed}")
        if not self._complete and self._fed > MAX_CHUNKED_BYTES:
            raise ContentTooLarge(f"over {MAX_CHUNKED_BYTES} bytes of chunks are not read")
        return self._complete


def check_limits(buffer: bytes, end: int) -> None:
    """Refuse a head that is too long, or already known to be no HTTP.

    `end` is where the head's last line ends, or -1 while more of it may come. Raises BadRequest,
    TargetTooLong or HeadTooLarge.
    """
    if buffer and buffer[0] not in TOKEN_BYTES and buffer[0] != 0x0D:
        raise BadRequest("the request line does not begin with a method")
    # Of several faults the first is told, so that it does not matter how the bytes have arrived.
    line_end = buffer.find(b"\r\n", 0, MAX_REQUEST_LINE_BYTES)
    if line_end < 0 and len(buffer) >= MAX_REQUEST_LINE_BYTES:
        _refuse_bare_lf(buffer, MAX_REQUEST_LINE_BYTES)
        raise TargetTooLong(f"the request line is longer than {MAX_REQUEST_LINE_BYTES} bytes")
    # Three bytes more may be the begin of the head's end.
    if (end if end >= 0 else len(buffer) - 3) > MAX_HEAD_BYTES:
        _refuse_bare_lf(buffer, MAX_HEAD_BYTES + 3)
        raise HeadTooLarge(f"the header fields are longer than {MAX_HEAD_BYTES} bytes")
    _refuse_bare_lf(buffer, end + 4 if end >= 0 else len(buffer))


def _refuse_bare_lf(buffer: bytes, end: int) -> None:
    # RFC 9112 section 2.2 lets a server take a bare LF for a line end; two readers who decide
    # differently about it are a way to smuggle requests, so it is refused, at once.
    if buffer.count(b"\n", 0, end) != buffer.count(b"\r\n", 0, end):
        raise BadRequest("malformed HTTP: a line ends in a bare LF")
