"""How old what is served is, and until when it need not be asked for again, as header fields.

`Age` counts from the last time the service has confirmed the document. `max-age` is that age plus
the time to the next poll, so that what a cache takes it to be good for (RFC 9111 section 4.2) ends
with the next poll. `Fastext-Stale` names the fault for which the last poll brought nothing.
"""

from collections.abc import Callable

from fastext.clock import Moment, elapsed


class Freshness:
    """Of one configuration; the replies that are ready share it, and ask once a second."""

    __slots__ = ("_attempted", "_fields", "_made_at", "_now", "_verified", "_wait_s", "stale")

    def __init__(self, now: Callable[[], Moment] = Moment.now) -> None:
        self._now = now
        self._attempted = self._verified = now()
        self._wait_s = 0.0
        self._made_at: Moment | None = None  # as the seconds that had begun
        self._fields = b""
        # The name of the fault that keeps it from being current, or "".
        self.stale = ""

    def confirmed(self, at: Moment, wait_s: float) -> None:
        """The service said at `at` that this is current; the next poll comes in `wait_s`."""
        self._attempted = self._verified = at
        self._wait_s = wait_s
        self.stale = ""
        self._made_at = None

    def missed(self, at: Moment, wait_s: float, fault: str) -> None:
        """A poll that ended at `at` brought nothing, for `fault`."""
        self._attempted = at
        self._wait_s = wait_s
        self.stale = fault
        self._made_at = None

    @property
    def age_s(self) -> float:
        return elapsed(self._verified, self._now())

    @property
    def next_poll_s(self) -> float:
        """Seconds to the next poll; 0 where it is due."""
        return max(0.0, self._wait_s - elapsed(self._attempted, self._now()))

    def fields(self) -> bytes:
        """The field lines, made anew when the second of either clock has changed."""
        monotonic, wall = now = self._now()
        if self._made_at is not None:
            since_monotonic, since_wall = self._made_at
            if monotonic < since_monotonic + 1 and since_wall <= wall < since_wall + 1:
                return self._fields
        lifetime_s = elapsed(self._verified, self._attempted) + self._wait_s
        self._fields = b"Age: %d\r\nCache-Control: max-age=%d\r\n" % (
            elapsed(self._verified, now),
            lifetime_s,
        )
        if self.stale:
            self._fields += b"Fastext-Stale: %b\r\n" % self.stale.encode("ascii")
        self._made_at = Moment(float(int(monotonic)), float(int(wall)))
        return self._fields
