"""A configuration session: every row of the table in `session.py`."""

import math

import pytest

from fastext.deadline import Deadline
from fastext.errors import (
    AccessDenied,
    InvalidUpstreamRequest,
    NotFound,
    PolledTooEarly,
    TimedOut,
    TokenRejected,
    Unavailable,
)
from fastext.session import ConfigurationSession, Retrieved

KEY = ("a", "e", "c")


class Client:
    """A DataClient that gives prepared answers and writes down what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def start_configuration_session(self, key, minimum_interval_s, deadline):
        self.asked.append(("start", key, minimum_interval_s))
        return self.next()

    def get_latest_configuration(self, token, deadline):
        self.asked.append(("get", token))
        return self.next()

    def next(self):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def got(content, token, interval_s=60.0):
    return Retrieved(content, "text/plain", "", token, interval_s)


def session_of(*answers, poll_interval_s=45.0):
    client = Client(*answers)
    return client, ConfigurationSession(client, KEY, poll_interval_s)


def poll(session):
    answer = session.poll(Deadline(10))
    return answer and answer.content


def test_tokens_are_used_once_each_and_empty_is_unchanged():
    client, session = session_of("t0", got(b"x", "t1"), got(b"", "t2"), got(b"y", "t3"))
    assert [poll(session) for _ in range(3)] == [b"x", None, b"y"]
    assert client.asked == [("start", KEY, 45), ("get", "t0"), ("get", "t1"), ("get", "t2")]


def test_an_empty_first_answer_is_an_empty_document():
    _, session = session_of("t0", got(b"", "t1"))
    assert poll(session) == b""


def test_the_service_s_interval_is_known_after_a_poll():
    _, session = session_of("t0", got(b"x", "t1", 90.0))
    assert session.interval_s == 0
    poll(session)
    assert session.interval_s == 90


@pytest.mark.parametrize(("said", "kept"), [(1e20, 86400), (-5.0, 0), (math.nan, 0)])
def test_an_interval_that_is_none_does_not_end_the_polling(said, kept):
    _, session = session_of("t0", got(b"x", "t1", said))
    poll(session)
    assert session.interval_s == kept


@pytest.mark.parametrize(
    ("interval_s", "sent"), [(1e-3, 15), (15, 15), (15.5, 16), (300, 300), (1e6, 86400)]
)
def test_the_interval_asked_for_is_within_the_service_s_bounds(interval_s, sent):
    client, session = session_of("t0", got(b"x", "t1"), poll_interval_s=interval_s)
    poll(session)
    assert client.asked[0] == ("start", KEY, sent)


def test_a_rejected_token_costs_one_new_session_and_one_more_get():
    client, session = session_of(
        "t0", got(b"x", "t1"), TokenRejected("expired"), "u0", got(b"x", "u1")
    )
    assert [poll(session), poll(session)] == [b"x", b"x"]
    assert client.asked[2:] == [("get", "t1"), ("start", KEY, 45), ("get", "u0")]


def test_a_token_rejected_twice_is_an_error_and_the_next_poll_begins_anew():
    client, session = session_of(
        "t0", TokenRejected("no"), "u0", TokenRejected("no"), TokenRejected("no"), "v0",
        got(b"x", "v1"),
    )  # fmt: skip
    with pytest.raises(TokenRejected):
        poll(session)
    assert poll(session) == b"x"
    assert client.asked[-3:] == [("get", "u0"), ("start", KEY, 45), ("get", "v0")]


@pytest.mark.parametrize("fault", [Unavailable("x"), TimedOut("x"),
                                   AccessDenied("x"), PolledTooEarly("x")])  # fmt: skip
def test_after_any_other_error_the_same_token_is_tried_again(fault):
    client, session = session_of("t0", fault, got(b"x", "t1"))
    with pytest.raises(type(fault)):
        poll(session)
    assert poll(session) == b"x"
    assert client.asked == [("start", KEY, 45), ("get", "t0"), ("get", "t0")]


@pytest.mark.parametrize("fault", [NotFound("x"), InvalidUpstreamRequest("x")])
def test_what_a_token_stands_for_may_come_again_under_another(fault):
    client, session = session_of("t0", fault, "u0", got(b"x", "u1"))
    with pytest.raises(type(fault)):
        poll(session)
    assert poll(session) == b"x"
    assert client.asked == [("start", KEY, 45), ("get", "t0"), ("start", KEY, 45), ("get", "u0")]


def test_that_holds_for_the_second_get_of_a_poll_as_well():
    client, session = session_of(
        "t0", TokenRejected("no"), "u0", NotFound("x"), "v0", got(b"x", "v1")
    )
    with pytest.raises(NotFound):
        poll(session)
    assert poll(session) == b"x"
    assert client.asked[-2:] == [("start", KEY, 45), ("get", "v0")]


def test_a_session_that_cannot_start_is_started_by_the_next_poll():
    _, session = session_of(NotFound("x"), "t0", got(b"x", "t1"))
    with pytest.raises(NotFound):
        poll(session)
    assert poll(session) == b"x"


def test_a_copy_goes_on_where_the_session_was():
    client, session = session_of("t0", got(b"x", "t1", 90.0), got(b"", "t2"))
    poll(session)
    session.heard()
    twin = session.copy()
    assert twin.interval_s == 90
    assert poll(twin) is None
    assert client.asked[-1] == ("get", "t1")


def test_a_copy_begins_anew_where_nobody_has_heard_of_what_came_last():
    client, session = session_of("t0", got(b"x", "t1"), got(b"y", "t2"), "u0", got(b"y", "u1"))
    poll(session)
    session.heard()
    poll(session)
    assert poll(session.copy()) == b"y"
    assert client.asked[-2:] == [("start", KEY, 45), ("get", "u0")]
