"""The first polls, begun before the server is loaded."""

import _thread
import threading

import pytest

from fastext.deadline import Deadline
from fastext.errors import TimedOut, Unavailable
from fastext.head_start import FirstPoll, HeadStart, keys_of
from fastext.session import Retrieved
from fastext.settings import Settings

KEY = ("a", "b", "c")


class Client:
    """session.DataClient that answers when `gate` is open, and counts."""

    def __init__(self):
        self.gate = threading.Event()
        self.asked = threading.Event()
        self.deadline = self.fault = None
        self.started = self.polled = 0

    def start_configuration_session(self, key, minimum_interval_s, deadline):
        self.started += 1
        return "initial"

    def get_latest_configuration(self, token, deadline):
        self.deadline = deadline
        self.asked.set()
        assert self.gate.wait(10)
        self.polled += 1
        if self.fault is not None:
            raise self.fault
        return Retrieved(b"x", "text/plain", "", f"token {self.polled}", 15.0)


@pytest.fixture
def client():
    client = Client()
    yield client
    client.gate.set()


def test_the_first_poll_is_the_thread_s_and_the_next_goes_on_with_its_token(client):
    session = FirstPoll(client, KEY, 45)
    client.gate.set()
    assert session.poll(Deadline(10)).content == b"x"
    assert (client.started, client.polled, session.interval_s) == (1, 1, 15.0)
    assert session.ended_at > 0
    session.poll(Deadline(10))
    assert (client.started, client.polled) == (1, 2)


def test_its_failure_is_raised_once_and_the_next_poll_asks_again(client):
    client.fault = Unavailable("no")
    session = FirstPoll(client, KEY, 45)
    client.gate.set()
    with pytest.raises(Unavailable, match="no"):
        session.poll(Deadline(10))
    client.fault = None
    assert session.poll(Deadline(10)).content == b"x"


def test_who_joins_does_not_wait_longer_than_its_own_deadline(client):
    session = FirstPoll(client, KEY, 45)
    with pytest.raises(TimedOut, match=r"within 0\.02 s"):
        session.poll(Deadline(0.02))


def test_its_time_is_that_of_who_joins_and_ends_with_it(client):
    session = FirstPoll(client, KEY, 45)
    assert client.asked.wait(10)
    assert client.deadline.remaining_s() > 20, "to load the rest may take what it takes"
    with pytest.raises(TimedOut):
        session.poll(Deadline(0.02))
    with pytest.raises(TimedOut):
        client.deadline.remaining_s()


@pytest.mark.parametrize("fault", [RuntimeError("can't start new thread"), MemoryError()])
def test_where_no_thread_can_start_it_polls_when_asked(client, monkeypatch, fault):
    def refuse(*_):
        raise fault

    client.gate.set()
    with monkeypatch.context() as patch:
        patch.setattr(_thread, "start_new_thread", refuse)
        session = FirstPoll(client, KEY, 45)
    assert session.poll(Deadline(10)).content == b"x"


def test_the_list_gives_keys_once_and_a_line_for_what_is_none():
    keys, problems = keys_of(("a:b:c", "/applications/a/environments/b/configurations/c", "a:b"))
    assert keys == [KEY]
    (problem,) = problems
    assert problem.startswith("AWS_APPCONFIG_EXTENSION_PREFETCH_LIST: 'a:b': is neither")


def test_where_only_botocore_will_do_nothing_is_begun():
    settings = Settings.from_env(
        {"AWS_APPCONFIG_EXTENSION_PREFETCH_LIST": "a:b:c", "FASTEXT_DATA_CLIENT": "botocore"},
        in_lambda=True,
    )
    head_start = HeadStart(settings, {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"})
    assert head_start.client is None
    assert (head_start.keys, head_start.sessions) == ([KEY], {})
    assert head_start.ended_at() == 0


@pytest.mark.parametrize(
    "most", ["AWS_APPCONFIG_EXTENSION_MAX_CONNECTIONS", "FASTEXT_MAX_CONFIGURATIONS"]
)
def test_no_more_is_begun_than_connections_or_configurations_are_allowed(appconfig, most):
    settings = Settings.from_env(
        {"AWS_APPCONFIG_EXTENSION_PREFETCH_LIST": "shop:production:features,a:b:c", most: "1",
         "AWS_APPCONFIG_EXTENSION_SERVICE_ENDPOINT": appconfig.url}, in_lambda=True,
    )  # fmt: skip
    environ = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "eu-west-1",
               "HOME": "/nonexistent"}  # fmt: skip
    head_start = HeadStart(settings, environ)
    assert list(head_start.sessions) == [("shop", "production", "features")]
    (session,) = head_start.sessions.values()
    assert session.poll(Deadline(10)).content.startswith(b"{")
    assert head_start.ended_at() == 0, "not all have arrived"
    head_start.client._client.close()
