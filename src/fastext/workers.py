"""Blocking calls on threads of their own, at most so many at once, each with one deadline.

The deadline bounds a call whatever it hangs in. A socket is shut under it, so that a server that
drips bytes ends like one that is silent; a call that cannot be interrupted (name resolution) is
abandoned: its thread ends when it ends, its place is free at once, and what it still says is not
heard.

`threading.Thread.start` returns when the new thread has said that it runs: one that finds no memory
to say so would hold up the loop for ever. So threads are started by `_thread`, which does not wait.
None of these can hold up the end of the process.
"""

import _thread
import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from fastext.deadline import Deadline
from fastext.errors import FastextError, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastext.logs import Log

T = TypeVar("T")

# What is raised where there is no room for another thread.
NO_THREAD = (RuntimeError, MemoryError)

# Until a call has begun its thread is looked at so often. By the second time it must run (the first
# may come at once after a freeze), and by the last all that the call needs must be there.
LOOK_S = 1.0
MAX_LOOKS = 30

# After so long it is tried again to start a thread for errands.
ERRANDS_RETRY_S = 5.0


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
        self._begun = False
        self._fault: BaseException | None = None
        self._looks = 0
        self._timer = loop.call_later(LOOK_S, self._look)
        try:
            _thread.start_new_thread(self._work, ())
        except NO_THREAD as fault:
            # Not at once: who waits for this place would be started from here, and so on.
            loop.call_soon(self._settle, None, Unavailable(f"cannot start a thread: {fault}"))

    def _work(self) -> None:
        self._begun = True
        if self._future.done():
            return  # too late
        result: T | None = None
        try:
            self._prepare()
            deadline = Deadline(self._timeout_s)
            self._loop.call_soon_threadsafe(self._arm, deadline)
            result = self._call(deadline)
        except (FastextError, MemoryError) as raised:
            # Not with the frames that it came through: they hold what was received until then, and
            # the fault is remembered.
            raised.__cause__ = raised.__context__ = None
            self._fault = raised.with_traceback(None)
        except BaseException as raised:
            self._fault = raised
        try:
            self._loop.call_soon_threadsafe(self._settle, result, self._fault)
        except NO_THREAD:
            return  # the loop is closed, or a timer will see

    def _look(self) -> None:
        """Give up a thread that has died without a word, for want of memory."""
        self._looks += 1
        if self._fault is not None:
            self._settle(None, self._fault)
        elif self._looks >= (MAX_LOOKS if self._begun else 2):
            self._settle(None, Unavailable("its thread does not run; memory may be short"))
        else:
            self._timer = self._loop.call_later(LOOK_S, self._look)

    def _arm(self, deadline: Deadline) -> None:
        self._timer.cancel()
        if self._future.done():
            deadline.expire()
            return
        self._timer = self._loop.call_later(self._timeout_s, self._expire, deadline)

    def _expire(self, deadline: Deadline) -> None:
        deadline.expire()
        self._settle(None, deadline.fault())

    def _settle(self, result: T | None, fault: BaseException | None) -> None:
        if self._future.done():
            return
        self._timer.cancel()
        if isinstance(fault, StopIteration):  # which a future does not take
            fault = RuntimeError("StopIteration")
        if fault is not None:
            self._future.set_exception(fault)
        else:
            self._future.set_result(cast("T", result))
        self._done()


class Errands:
    """Calls that are made one after the other, on a thread that is there while there are any.

    Of those with one name that have not been made yet, only the last is: a file that was to be
    written once more is written once.
    """

    __slots__ = ("_at_it", "_log", "_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, log: "Log") -> None:
        self._loop = loop
        self._log = log
        self._waiting: dict[str, Callable[[], None]] = {}
        self._at_it = _thread.allocate_lock()

    def submit(self, name: str, call: Callable[[], None]) -> None:
        self._waiting[name] = call
        self._begin()

    def _begin(self) -> None:
        try:
            _thread.start_new_thread(self._work, ())
        except NO_THREAD as fault:
            self._log.warn(f"cannot start a thread: {fault}; it is tried again")
            self._loop.call_later(ERRANDS_RETRY_S, self._begin)

    def _work(self) -> None:
        # Looked at again after the lock is free: what came just before has found it taken.
        while self._waiting and self._at_it.acquire(blocking=False):
            try:
                while self._waiting:
                    _, call = self._waiting.popitem()
                    call()
            except Exception as fault:
                self._log.exception("an errand", fault)
            finally:
                self._at_it.release()
