"""How old what is served is, and until when it need not be asked for again, as header fields.

`Age` counts from the last time the service has confirmed the document. `max-age` is that age plus
the time to the next poll, so that what a cache takes it to be good for (RFC 9111 section 4.2) ends
with the next poll. `Fastext-Stale` names the fault for which the last poll brought nothing.
"""

from collections.abc import Callable

from fastext.clock import Moment, elapsed


class Freshness:
    """Of one configuration; the replies that are ready share it, and ask once a second."""

    __slots__ = ("_attempted", "_fields", "_now", "_until_monotonic", "_until_wall", "_verified",
                 "_wait_s", "stale")  # fmt: skip

    def __init__(self, now: Callable[[], Moment] = Moment.now) -> None:
        self._now = now
        self._attempted = self._verified = now()
        self._wait_s = 0.0
        # The ends of the seconds in which `_fields` is right.
        self._until_monotonic = self._until_wall = 0.0
        self._fields = b""
        # The name of the fault that keeps it from being current, or "".
        self.stale = ""

    def confirmed(self, at: Moment, wait_s: float) -> None:
        """The service said at `at` that this is current; the next poll comes in `wait_s`."""
        self._attempted = self._verified = at
        self._wait_s = wait_s
        self.stale = ""
        self._until_monotonic = 0.0

    def missed(self, at: Moment, wait_s: float, fault: str) -> None:
        """A poll that ended at `at` brought nothing, for `fault`."""
        self._attempted = at
        self._wait_s = wait_s
        self.stale = fault
        self._until_monotonic = 0.0

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
        until = self._until_wall
        if monotonic < self._until_monotonic and until - 1 <= wall < until:
            return self._fields
        lifetime_s = elapsed(self._verified, self._attempted) + self._wait_s
        self._fields = b"Age: %d\r\nCache-Control: max-age=%d\r\n" % (
            elapsed(self._verified, now),
            lifetime_s,
        )
        if self.stale:
            self._fields += b"Fastext-Stale: %b\r\n" % self.stale.encode("ascii")
        self._until_monotonic = float(int(monotonic)) + 1
        self._until_wall = float(int(wall)) + 1
        return self._fields
