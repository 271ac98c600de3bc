"""The manual page of the fast lane: which requests it answers, and how it is built in.

The lane answers what the protocol would answer, with the same bytes, or leaves it alone.
"""

from collections.abc import Callable, Sequence
from typing import final

from typing_extensions import disjoint_base  # for type checkers alone: stubs are not run

from fastext.response import Reply

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
    reply; the subclass keeps it. What is not for the lane goes to `received`, which the subclass
    has. Without a lane everything does.
    """

    idle: bool
    def __init__(self, lane: Lane | None) -> None: ...
    def connected(self, transport: object) -> None:
        """The connection is made; to be called before anything is received."""
    def data_received(self, data: bytes) -> None: ...

@final
class Acceptor:
    """Accepts connections and answers their first request; who wants to close is closed.

    Every other connection goes to `adopt`, with its descriptor, the bytes that are still to be
    answered, and whether a request has been answered already. `pause` is called when the process
    has no descriptor left.
    """

    def __init__(
        self, lane: Lane, adopt: Callable[[int, bytes, bool], None], pause: Callable[[], None]
    ) -> None: ...
    def readable(self, listening: int) -> None:
        """Accept what waits at the listening descriptor, up to 64 connections."""
