"""The manual page of the fast lane: which requests it answers, and how it is built in.

The lane answers what the protocol would answer, with the same bytes, or leaves it alone. Its Age is
counted with Date, by the seconds of the wall clock, and so may be a second behind the protocol's.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, final

from typing_extensions import disjoint_base  # for type checkers alone: stubs are not run

from fastext.freshness import Freshness

STATUS_LINES: dict[int, bytes]
"""The status line of every status that is sent."""

JOIN_BELOW_BYTES: int
"""Up to this size a body is joined with its head to one buffer."""

@final
class Reply:
    """A response but for Date, Connection and what else changes with time.

    `head` are the status line and the fields; `body` is what a GET gets. `varies` says that
    another context would have got another reply to the same target. `own_bytes` is what it costs
    to keep it: the body's size, unless it is `shared`, the document's content, which is there
    anyway. `etag` is the entity-tag (RFC 9110 section 8.8.3) with its quotation marks, or empty;
    `freshness` gives the fields that tell the age of what is served. A `fleeting` reply is made
    anew every time.
    """

    @property
    def status(self) -> int: ...
    @property
    def head(self) -> bytes: ...
    @property
    def body(self) -> bytes: ...
    @property
    def etag(self) -> bytes: ...
    @property
    def freshness(self) -> Freshness | None: ...
    @property
    def fleeting(self) -> bool: ...
    @property
    def varies(self) -> bool: ...
    @property
    def own_bytes(self) -> int: ...
    def __init__(
        self,
        status: int,
        fields: bytes,
        body: bytes,
        etag: bytes = b"",
        freshness: Freshness | None = None,
        *,
        fleeting: bool = False,
        shared: bool = False,
        varies: bool = False,
    ) -> None: ...
    def buffers(self, date: bytes, connection: bytes, *, with_body: bool) -> tuple[bytes, ...]:
        """What to write: one buffer, or two where joining them would cost a large copy.

        `connection` is a complete field line or empty.
        """

@final
class Lane:
    """Replies that are ready, by the bytes of the request and by its target.

    `lookup` gives the reply to a GET of a target with some fields, those that say something of the
    caller (Context, Entity-Id), or None where a document must be fetched first;
    `accepts` says whether httptools takes some bytes for one whole request; `date` gives the Date
    of now; `allowed` says of a Host whether it is served, None that any is. Both caches are
    bounded, by entries and by bytes. `broken` is told of a fault that nobody foresaw, and the
    protocol answers.
    """

    def __init__(
        self,
        lookup: Callable[[bytes, Sequence[tuple[bytes, bytes]]], Reply | None],
        accepts: Callable[[bytes], bool],
        date: Callable[[], bytes],
        broken: Callable[[Exception], None],
        allowed: Callable[[bytes], bool] | None = None,
    ) -> None: ...
    def clear(self) -> None:
        """Forget every reply. To be called in the turn of the loop in which a document changes."""
    def __len__(self, /) -> int:
        """How many requests are known by their bytes."""
    def answer(self, data: bytes) -> tuple[bytes, bool] | None:
        """The whole reply to `data`, and whether the connection then closes, or None."""

@disjoint_base
class LaneConnection:
    """What `protocol.HttpProtocol` builds on: answers in the lane while nothing else is going on.

    `idle` says that the connection is between two messages and nothing waits to be sent before a
    reply; the subclass keeps it. What is not for the lane goes to `received`, and behind the last
    reply comes `close_after_reply`; the subclass has both. Without a lane everything is received.
    """

    idle: bool
    def __init__(self, lane: Lane | None) -> None: ...
    def connected(self, transport: object) -> None:
        """The connection is made; to be called before anything is received."""
    def data_received(self, data: bytes) -> None: ...

@final
class Acceptor:
    """Accepts connections and answers on them without a transport, as long as the lane can.

    Who wants to close after its first request is closed; whose connection stays is parked until
    it sends another request, and then watched by `loop`. What is not for the lane goes to `adopt`,
    with its descriptor, the bytes that are still to be answered, the buffers of a reply that are
    still to be sent, whether it then closes, and whether it has its place among the connections.
    Those that stay are put into `open` where `admits` says that there is room; the others are
    told that they are closed, and are, after their reply. `pause` is called when the process has
    no descriptor left. For Linux alone; raises OSError elsewhere.
    """

    def __init__(
        self,
        lane: Lane,
        loop: asyncio.AbstractEventLoop,
        open: set[Any],
        adopt: Callable[[int, bytes, tuple[bytes | memoryview, ...], bool, bool], None],
        pause: Callable[[], None],
        admits: Callable[[], bool],
    ) -> None: ...
    def __len__(self) -> int:
        """How many connections are parked."""
    def reader(self, listening: int) -> Callable[[], None]:
        """What accepts, when it is called, up to 64 connections from a listening descriptor."""
    def parked_readable(self) -> None: ...
    def close(self) -> None:
        """Watch parked connections no longer; each is closed by itself."""

@final
class ListeningSocket:
    def __init__(self, acceptor: Acceptor, fd: int) -> None: ...
    def readable(self) -> None: ...

@final
class BareConnection:
    """A connection that stays and has no transport."""

    def __init__(self, acceptor: Acceptor, fd: int) -> None: ...
    def readable(self) -> None: ...
    def close(self) -> None: ...
