"""Time by two clocks."""

import pytest

from fastext.clock import Moment, elapsed


@pytest.mark.parametrize(
    ("monotonic", "wall", "seconds"),
    [(45, 45, 45), (0, 3600, 3600), (3600, 0, 3600), (10, -7200, 10), (-1, -1, 0)],
    ids=["running", "monotonic stood still", "wall stood still", "wall set back", "both back"],
)
def test_elapsed_is_what_the_clock_says_that_saw_more(monotonic, wall, seconds):
    assert elapsed(Moment(100, 1e6), Moment(100 + monotonic, 1e6 + wall)) == seconds


def test_now_is_by_both_clocks():
    first, second = Moment.now(), Moment.now()
    assert second.monotonic >= first.monotonic
    assert second.wall > 1.7e9
