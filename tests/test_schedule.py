"""When what is asked for again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_poller import Session, got

from fastext.clock import Moment
from fastext.deadline import Deadline
from fastext.errors import (
    AccessDenied,
    InvalidUpstreamRequest,
    NotFound,
    Throttled,
    TimedOut,
    Unavailable,
    Unusable,
)
from fastext.schedule import SNAPSHOT_RETRY_S, due, first_retrieval, next_wait, spread

TIMES = st.floats(0, 1e9)


@given(TIMES, TIMES, TIMES, TIMES, st.floats(0.1, 1e5))
def test_something_is_due_when_either_clock_says_so(m0, w0, m1, w1, wait_s):
    now, since = Moment(m1, w1), Moment(m0, w0)
    assert due(since, wait_s, now) == (m1 - m0 >= wait_s or w1 - w0 >= wait_s)


@pytest.mark.parametrize(
    ("ours", "theirs", "fault", "wait"),
    [(45, 0, None, 45), (45, 60, None, 60), (45, 15, None, 45), (15, 15, TimedOut("x"), 15),
     (15, 0, Unavailable("x"), 15), (15, 0, NotFound("x"), 60), (300, 0, AccessDenied("x"), 300),
     (15, 0, InvalidUpstreamRequest("x"), 60)],
)  # fmt: skip
def test_the_longer_interval_holds_and_refusals_wait_longer(ours, theirs, fault, wait):
    assert next_wait(ours, theirs, fault, 1 if fault else 0) == wait


@pytest.mark.parametrize(
    ("ours", "failures", "most"),
    [(45, 1, 135), (45, 2, 225), (45, 3, 405), (45, 4, 645), (45, 1000, 645), (900, 1, 1800)],
)
def test_throttling_backs_off_at_random_within_bounds(ours, failures, most):
    waits = [next_wait(ours, 0, Throttled("x"), failures) for _ in range(1000)]
    assert ours <= min(waits) < ours + (most - ours) / 10
    assert most - (most - ours) / 10 < max(waits) <= most


@pytest.mark.parametrize("fault", [Unavailable("x"), Throttled("x")])
def test_a_first_retrieval_rides_out_transient_failures(fault):
    session = Session([fault, fault, got(b"x")])
    answer = first_retrieval(session, Deadline(60))
    assert answer is not None
    assert answer.content == b"x"


def test_but_not_for_ever_and_not_others():
    session = Session([Unavailable("x")] * 3)
    with pytest.raises(Unavailable):
        first_retrieval(session, Deadline(60))
    session = Session([NotFound("x")])
    with pytest.raises(NotFound):
        first_retrieval(session, Deadline(60))


def test_waits_are_spread_upwards_only():
    waits = [spread(100) for _ in range(200)]
    assert min(waits) >= 100
    assert max(waits) <= 110
    assert len(set(waits)) > 100


def test_where_there_is_but_a_snapshot_the_service_is_asked_again_soon():
    assert next_wait(45, 0, TimedOut("late"), 1, snapshot=True) == SNAPSHOT_RETRY_S
    assert next_wait(2, 0, TimedOut("late"), 1, snapshot=True) == 2
    assert next_wait(45, 0, None, 0, snapshot=True) == 45
    assert next_wait(45, 0, Unusable("rule"), 1, snapshot=True) == 45, "the service has answered"
    assert next_wait(45, 0, AccessDenied("no"), 1, snapshot=True) == 60
