"""Ends connections whose peer takes too long, in the middle of a request or of a reply.

Looked at every few seconds, and only while anybody is waited for: who sends its requests whole, and
reads its replies, costs nothing here. An idle connection is none of these: a function that was
frozen for hours may use the one it has.
"""

import asyncio
from typing import Protocol

# How long a request may take from its first byte to its last. Callers are on the same machine.
REQUEST_S = 10.0

# How long a reply may wait without a byte of it being taken.
READING_S = 30.0

SWEEP_S = 1.0


class Awaited(Protocol):
    def too_slow(self) -> None:
        """The time is over. May ask to be awaited again."""


class Patience:
    """Who is waited for, and until when, in seconds of the loop's clock."""

    __slots__ = ("_looking", "_loop", "_until")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._until: dict[Awaited, float] = {}
        self._looking = False

    def expect(self, connection: Awaited, within_s: float) -> None:
        """Wait for `connection`; who is waited for already gets no further time."""
        if connection not in self._until:
            self._until[connection] = self._loop.time() + within_s
            if not self._looking:
                self._looking = True
                self._loop.call_later(SWEEP_S, self._sweep)

    def forget(self, connection: Awaited) -> None:
        self._until.pop(connection, None)

    def __len__(self) -> int:
        return len(self._until)

    def _sweep(self) -> None:
        now = self._loop.time()
        late = [connection for connection, until in self._until.items() if until <= now]
        for connection in late:
            del self._until[connection]
            connection.too_slow()
        self._looking = bool(self._until)
        if self._looking:
            self._loop.call_later(SWEEP_S, self._sweep)
