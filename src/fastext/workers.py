"""Blocking calls on threads of their own, at most so many at once, each with one deadline.

The deadline bounds a call whatever it hangs in. A socket is shut under it, so that a server that
drips bytes ends like one that is silent; a call that cannot be interrupted (name resolution) is
abandoned: its thread ends when it ends, its place is free at once, and what it still says is not
heard. Threads are daemons, so that none of them can hold up the end of the process.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from fastext.deadline import Deadline
from fastext.errors import Unavailable

T = TypeVar("T")


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
