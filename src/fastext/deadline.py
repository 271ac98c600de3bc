"""The moment at which a call to AWS must have ended, whatever it hangs in."""

import _socket
import _thread
import time

from fastext.errors import TimedOut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Shuttable(Protocol):
        """A connection as http.client has it: its socket, or None while it has none."""

        @property
        def sock(self) -> "_socket.socket | None": ...


class Deadline:
    """The moment at which a call must have ended, in seconds of the monotonic clock.

    Made on one thread and used on two: the call's own, and the loop's, which lets it `expire`.
    """

    __slots__ = ("_connection", "_ended", "_held", "_timeout_s", "_until")

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._until = time.monotonic() + timeout_s
        self._ended = False
        # Free when it has ended: what `pause` waits for.
        self._held = _thread.allocate_lock()
        self._held.acquire()
        self._connection: Shuttable | None = None

    def watch(self, connection: "Shuttable") -> None:
        """Let `expire` shut whatever socket `connection` has then."""
        self._connection = connection

    def remaining_s(self) -> float:
        """What is left. Raises TimedOut at the end of it."""
        remaining = self._until - time.monotonic()
        if remaining <= 0 or self._ended:
            raise self.fault()
        return remaining

    def fault(self) -> TimedOut:
        """What to say of a call that did not end in time."""
        return TimedOut(f"no complete answer within {self._timeout_s:g} s")

    def pause(self, pause_s: float) -> None:
        """Wait, but no longer than the deadline. Raises TimedOut at the end of it."""
        if self._held.acquire(timeout=min(pause_s, self.remaining_s())):
            self._held.release()
        self.remaining_s()

    def expire(self) -> None:
        """End the call now, from another thread."""
        if not self._ended:
            self._ended = True
            self._held.release()
        sock = self._connection.sock if self._connection is not None else None
        if sock is None:
            return
        try:
            # Not ssl's own shutdown, which takes the TLS state away from under the reading thread.
            if isinstance(sock, _socket.socket):
                _socket.socket.shutdown(sock, _socket.SHUT_RDWR)
            else:
                sock.shutdown(_socket.SHUT_RDWR)
        except OSError:
            return  # not connected yet, or closed already
