"""Time as a sandbox has it that may be frozen: by two clocks, of which either may stand still."""

import time
from typing import NamedTuple


class Moment(NamedTuple):
    """Now, by both clocks, in seconds: during a freeze either may stand still."""

    monotonic: float
    wall: float

    @classmethod
    def now(cls) -> "Moment":
        # As the class would, in half the time.
        return tuple.__new__(cls, (time.monotonic(), time.time()))


def elapsed(since: Moment, now: Moment) -> float:
    """Seconds that have passed by the clock that has seen more of them; never negative."""
    return max(now.monotonic - since.monotonic, now.wall - since.wall, 0.0)
