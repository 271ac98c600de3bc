"""Age, max-age and the stale marker."""

from fastext.clock import Moment
from fastext.freshness import Freshness


class Clock:
    def __init__(self):
        self.moment = Moment(0.0, 1000.0)
        self.asked = 0

    def __call__(self):
        self.asked += 1
        return self.moment

    def pass_time(self, seconds, wall=None):
        wall = seconds if wall is None else wall
        self.moment = Moment(self.moment.monotonic + seconds, self.moment.wall + wall)


def test_max_age_ends_with_the_next_poll():
    clock = Clock()
    freshness = Freshness(clock)
    freshness.confirmed(clock(), 45)
    clock.pass_time(12)
    assert freshness.fields() == b"Age: 12\r\nCache-Control: max-age=45\r\n"
    assert (freshness.age_s, freshness.next_poll_s) == (12, 33)
    clock.pass_time(40)
    assert freshness.next_poll_s == 0
    freshness.missed(clock(), 60, "AccessDenied")
    clock.pass_time(1)
    assert freshness.fields() == (
        b"Age: 53\r\nCache-Control: max-age=112\r\nFastext-Stale: AccessDenied\r\n"
    )
    freshness.confirmed(clock(), 45)
    assert freshness.fields() == b"Age: 0\r\nCache-Control: max-age=45\r\n"


def test_the_fields_are_made_once_a_second():
    clock = Clock()
    freshness = Freshness(clock)
    freshness.confirmed(clock(), 45)
    first = freshness.fields()
    clock.pass_time(0.5)
    assert freshness.fields() is first
    clock.pass_time(0.5)
    assert freshness.fields() is not first


def test_either_clock_may_stand_still():
    clock = Clock()
    freshness = Freshness(clock)
    freshness.confirmed(clock(), 45)
    for age, (monotonic, wall) in enumerate([(0, 0), (1, 0), (1, 0), (0, 3)]):
        clock.pass_time(monotonic, wall)
        assert freshness.fields().startswith(b"Age: %d\r\n" % age)
