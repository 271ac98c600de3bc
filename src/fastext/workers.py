"""Blocking calls on threads of their own, at most so many at once, each with one deadline.

The deadline bounds a call whatever it hangs in. A socket is shut under it, so that a server that
drips bytes ends like one that is silent; a call that cannot be interrupted (name resolution) is
abandoned: its thread ends when it ends, its place is free at once, and what it still says is not
heard. Threads are daemons, so that none of them can hold up the end of the process.
"""

import asyncio
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar, cast

from fastext.errors import TimedOut, Unavailable

T = TypeVar("T")


class Shuttable(Protocol):
    """A connection as http.client has it: its socket, or None while it has none."""

    sock: socket.socket | None


class Deadline:
    """The moment at which a call must have ended, in seconds of the monotonic clock.

    Made on one thread and used on two: the call's own, and the loop's, which lets it `expire`.
    """

    __slots__ = ("_connection", "_ended", "_timeout_s", "_until")

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._until = time.monotonic() + timeout_s
        self._ended = threading.Event()
        self._connection: Shuttable | None = None

    def watch(self, connection: Shuttable) -> None:
        """Let `expire` shut whatever socket `connection` has then."""
        self._connection = connection

    def remaining_s(self) -> float:
        """What is left. Raises TimedOut at the end of it."""
        remaining = self._until - time.monotonic()
        if remaining <= 0 or self._ended.is_set():
            raise self.fault()
        return remaining

    def fault(self) -> TimedOut:
        """What to say of a call that did not end in time."""
        return TimedOut(f"no complete answer within {self._timeout_s:g} s")

    def pause(self, pause_s: float) -> None:
        """Wait, but no longer than the deadline. Raises TimedOut at the end of it."""
        self._ended.wait(min(pause_s, self.remaining_s()))
        self.remaining_s()

    def expire(self) -> None:
        """End the call now, from another thread."""
        self._ended.set()
        sock = self._connection.sock if self._connection is not None else None
        if sock is None:
            return
        try:
            # Not ssl's own shutdown, which takes the TLS state away from under the reading thread.
            if isinstance(sock, socket.socket):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            else:
                sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # not connected yet, or closed already


class Workers:
    """At most `limit` blocking calls at once; the others wait their turn, in order.

    `prepare` is run on a worker before its call, outside of the call's deadline: in a small
    sandbox to load what a call needs may take as long as the call may.
    """

    __slots__ = ("_limit", "_loop", "_prepare", "_running", "_waiting")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, limit: int, prepare: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._limit = limit
        self._prepare = prepare
        self._running = 0
        self._waiting: deque[Callable[[], None]] = deque()

    def submit(self, call: Callable[[Deadline], T], timeout_s: float) -> "asyncio.Future[T]":
        """Run `call` when there is room, for at most `timeout_s` from then; its result."""
        future: asyncio.Future[T] = self._loop.create_future()

        def start() -> None:
            _Run(self._loop, self._prepare, call, future, self._done, timeout_s)

        if self._running < self._limit:
            self._running += 1
            start()
        else:
            self._waiting.append(start)
        return future

    def _done(self) -> None:
        if self._waiting:
            self._waiting.popleft()()
        else:
            self._running -= 1


class _Run(Generic[T]):
    """One call: whichever comes first, its end or its deadline's, settles the future."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        prepare: Callable[[], None],
        call: Callable[[Deadline], T],
        future: "asyncio.Future[T]",
        done: Callable[[], None],
        timeout_s: float,
    ) -> None:
        self._loop = loop
        self._prepare = prepare
        self._call = call
        self._future = future
        self._done = done
        self._timeout_s = timeout_s
        self._timer: asyncio.TimerHandle | None = None
        try:
            threading.Thread(target=self._work, name="fastext-worker", daemon=True).start()
        except RuntimeError as fault:  # the sandbox has no room for another thread
            self._settle(None, Unavailable(f"cannot start a thread: {fault}"))

    def _work(self) -> None:
        result: T | None = None
        fault: BaseException | None = None
        try:
            self._prepare()
            deadline = Deadline(self._timeout_s)
            self._loop.call_soon_threadsafe(self._arm, deadline)
            result = self._call(deadline)
        except BaseException as raised:
            fault = raised
        try:
            self._loop.call_soon_threadsafe(self._settle, result, fault)
        except RuntimeError:
            return  # the loop is closed: the process ends

    def _arm(self, deadline: Deadline) -> None:
        self._timer = self._loop.call_later(self._timeout_s, self._expire, deadline)

    def _expire(self, deadline: Deadline) -> None:
        deadline.expire()
        self._settle(None, deadline.fault())

    def _settle(self, result: T | None, fault: BaseException | None) -> None:
        if self._future.done():
            return
        if self._timer is not None:
            self._timer.cancel()
        if fault is not None:
            self._future.set_exception(fault)
        else:
            self._future.set_result(cast("T", result))
        self._done()
