"""Polling: when something is due, what each outcome leads to, and that nothing good is lost."""

import asyncio
import re

import pytest

from fastext import poller, schedule
from fastext.cache import Cache
from fastext.clock import Moment
from fastext.deadline import Deadline
from fastext.document import Document, read_document
from fastext.errors import (
    AccessDenied,
    NotFound,
    Throttled,
    TimedOut,
    TooManyConfigurations,
    Unavailable,
    Unusable,
    UpstreamError,
)
from fastext.logs import Log
from fastext.poller import Poller
from fastext.schedule import memory_of
from fastext.session import Retrieved

KEY = ("a", "e", "c")
NAME = "a:e:c"


# ---------------------------------------------------------------- the poller


class Session:
    """A ConfigurationSession that gives prepared answers."""

    def __init__(self, answers):
        self.answers = answers
        self.began = None
        self.interval_s = 0.0
        self.polls = 0
        self.unheard = False
        self.begun_anew = 0

    def copy(self):
        self.begun_anew += self.unheard
        return self

    def heard(self):
        self.unheard = False

    def poll(self, deadline):
        self.polls += 1
        self.unheard = True
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            self.unheard = False
            raise answer
        return answer


class HeldWorkers:
    """Workers that run a call when the test says so, on the test's own thread."""

    def __init__(self, loop):
        self.loop = loop
        self.held = []

    def submit(self, call, timeout_s):
        future = self.loop.create_future()
        self.held.append((call, future))
        return future

    def run(self):
        held, self.held = self.held, []
        for call, future in held:
            try:
                future.set_result(call(Deadline(60)))
            except Exception as fault:
                future.set_exception(fault)
        for _ in range(3):
            self.loop.run_until_complete(asyncio.sleep(0))


def got(content, label="", content_type="text/plain"):
    return Retrieved(content, content_type, label, "t", 0.0)


def read(got):
    return read_document(got.content, got.content_type, got.version_label, dict)


class Scene:
    def __init__(self, loop, timers=False, **answers):
        self.loop = loop
        self.answers = {"c": [], **answers}
        self.cache = Cache()
        self.workers = HeldWorkers(loop)
        self.log = []
        self.clock = Moment(1000.0, 1e9)
        self.sessions = []
        self.poller = Poller(
            self.cache, self.workers, self.new_session, read, Log("debug", self.write, lambda: 0.0),
            poll_interval_s=45.0, poll_timeout_s=3.0, max_configurations=2, timers=timers,
            now=lambda: self.clock,
        )  # fmt: skip

    def new_session(self, key):
        self.sessions.append(Session(self.answers.get(key[2], [])))
        return self.sessions[-1]

    def write(self, line):
        self.log.append(line.decode().split(" ", 4)[4].rstrip())

    def pass_time(self, seconds, wall=None):
        self.clock = Moment(
            self.clock.monotonic + seconds, self.clock.wall + (seconds if wall is None else wall)
        )

    def fetch(self, key=KEY):
        """The document or the error of one fetch, run to its end."""
        task = self.loop.create_task(self.poller.fetch(key))
        self.loop.run_until_complete(asyncio.sleep(0))
        self.workers.run()
        return self.loop.run_until_complete(asyncio.gather(task, return_exceptions=True))[0]

    def refresh(self):
        started = self.poller.refresh_due()
        self.workers.run()
        return len(started)


@pytest.fixture
def scene(loop):
    return lambda **answers: Scene(loop, **answers)


def test_a_first_retrieval_fills_the_cache(scene):
    s = scene(c=[got(b"x", "v1")])
    document = s.fetch()
    assert (document.content, document.version, document.version_label) == (b"x", 1, "v1")
    assert s.cache.get(KEY) is document
    assert s.log == [f"INFO retrieved initial data for '{NAME}' in 0ns"]


def test_waiters_share_one_retrieval_and_may_go_away(scene):
    s = scene(c=[got(b"x")])
    tasks = [s.loop.create_task(s.poller.fetch(KEY)) for _ in range(5)]
    s.loop.run_until_complete(asyncio.sleep(0))
    tasks[0].cancel()
    s.workers.run()
    assert len(s.sessions) == 1
    assert s.sessions[0].polls == 1
    assert [task.result().content for task in tasks[1:]] == [b"x"] * 4


def test_a_fetch_of_what_has_just_arrived_retrieves_nothing(scene):
    s = scene(c=[got(b"x")])
    s.fetch()
    assert s.fetch().content == b"x"
    assert s.sessions[0].polls == 1


def test_a_change_replaces_the_document_and_counts(scene):
    s = scene(c=[got(b"x", "v1"), got(b"y", "v2")])
    s.fetch()
    s.pass_time(45)
    assert s.refresh() == 1
    document = s.cache.get(KEY)
    assert (document.content, document.version, document.version_label) == (b"y", 2, "v2")
    assert s.log[-1] == f"INFO updated cache data for '{NAME}' in 0ns"


def test_where_flags_were_asked_for_those_of_a_new_version_are_known_when_it_is_served(scene):
    flags = [got(b'{"a":{"enabled":%s}}' % word, "", "application/json")
             for word in (b"true", b"false", b"true")]  # fmt: skip
    s = scene(c=flags)
    s.fetch()
    s.pass_time(45)
    s.refresh()
    assert not s.cache.get(KEY).flags_known, "nobody has asked yet"
    assert s.cache.get(KEY).flags is not None
    s.pass_time(45)
    s.refresh()
    document = s.cache.get(KEY)
    assert document.version == 3
    assert document.flags_known


@pytest.mark.parametrize(
    "answer",
    [None, got(b"x", "v1"), got(b"", "v1")],
    ids=["unchanged", "new session, same content", "new session, empty"],
)
def test_no_change_keeps_the_document_and_resets_the_elapsed_time(scene, answer):
    s = scene(c=[got(b"x", "v1"), answer, None])
    document = s.fetch()
    s.pass_time(45)
    assert s.refresh() == 1
    assert s.cache.get(KEY) is document
    assert s.log[-1] == f"DEBUG verified latest data for '{NAME}' in 0ns"
    s.pass_time(44)
    assert s.refresh() == 0
    s.pass_time(1)
    assert s.refresh() == 1


def test_a_new_label_on_the_same_content_is_told_but_no_change(scene):
    s = scene(c=[got(b"x", "v1"), got(b"x", "v2")])
    s.fetch()
    s.pass_time(45)
    s.refresh()
    document = s.cache.get(KEY)
    assert (document.version, document.version_label) == (1, "v2")


def test_only_what_is_old_by_either_clock_is_refreshed(scene):
    s = scene(c=[got(b"x"), None, None])
    s.fetch()
    s.pass_time(44)
    assert s.refresh() == 0
    s.pass_time(0, wall=3600)
    assert s.refresh() == 1, "an hour frozen, by the wall clock alone"
    s.pass_time(45, wall=-7200)
    assert s.refresh() == 1, "the wall clock was set back"


def test_the_service_s_longer_interval_is_kept(scene):
    s = scene(c=[got(b"x"), None])
    s.fetch()
    s.sessions[0].interval_s = 90.0
    s.pass_time(45)
    s.refresh()
    s.pass_time(89)
    assert s.refresh() == 0


@pytest.mark.parametrize(
    ("fault", "again_after_s"),
    [(Unavailable("refused"), 45), (TimedOut("late"), 45), (NotFound("gone"), 60),
     (AccessDenied("no"), 60), (UpstreamError("odd"), 45), (ZeroDivisionError("bug"), 45)],
)  # fmt: skip
def test_a_failed_poll_keeps_the_document_and_says_when_it_is_tried_again(
    scene, fault, again_after_s
):
    s = scene(c=[got(b"x"), fault, got(b"y")])
    document = s.fetch()
    s.pass_time(45)
    s.refresh()
    assert s.cache.get(KEY) is document
    assert s.log[-1].startswith(f"ERROR retrieve failure for '{NAME}': ")
    assert s.log[-1].endswith(f"(retry in {again_after_s}s)")
    s.pass_time(again_after_s - 1)
    assert s.refresh() == 0
    s.pass_time(1)
    s.refresh()
    assert s.cache.get(KEY).content == b"y"


@pytest.mark.parametrize(
    ("fault", "said"),
    [(MemoryError(), "not enough memory .* give the function more"), (KeyError("x"), "KeyError")],
)
def test_a_version_that_was_lost_on_the_way_is_asked_for_by_a_new_session(
    scene, monkeypatch, fault, said
):
    s = scene(c=[got(b"x"), got(b"y"), got(b"y")])
    s.fetch()

    def lose(*_):
        raise fault

    with monkeypatch.context() as losing:
        losing.setattr("test_poller.read_document", lose)
        s.pass_time(45)
        s.refresh()
    assert s.cache.get(KEY).content == b"x"
    assert re.search(f"^ERROR retrieve failure for '{NAME}': .*{said}", s.log[-1])
    s.pass_time(45)
    s.refresh()
    assert s.sessions[0].begun_anew == 1
    assert s.cache.get(KEY).content == b"y"


ION = "application/ion;type=AWS.AppConfig.FeatureFlags"
MALFORMED = [got(b"f::5", "", ION), got(b'{"f":{"_variants":5}}', "", "application/json")]


@pytest.mark.parametrize("malformed", MALFORMED, ids=["Ion", "JSON"])
def test_where_there_is_but_a_version_that_cannot_be_used_every_read_says_so(scene, malformed):
    s = scene(c=[malformed, None, None, got(b"y")])
    first = s.fetch()
    assert isinstance(first, Unusable)
    for polls in (1, 2, 3):
        s.pass_time(44)
        assert s.fetch() is first
        assert s.sessions[0].polls == polls, "the session is asked once in an interval"
        s.pass_time(1)
        if polls < 3:
            assert s.fetch() is first
    assert first.message.count(NAME) == 1
    [state] = s.poller.states("service")
    assert (state["stale"], state["lastError"]["message"]) == ("Unusable", first.message)
    assert s.fetch().content == b"y"
    assert len(s.sessions) == 1
    assert [line for line in s.log if line.startswith("ERROR")] == [
        f"ERROR retrieve failure for '{NAME}': {first.message.partition(': ')[2]} "
        "(retry on request, not within 45s)"
    ]


@pytest.mark.parametrize("polled", [None, got(b"x")], ids=["unchanged", "a version"])
def test_whatever_breaks_nobody_is_left_waiting(scene, polled, monkeypatch):
    s = scene(c=[polled, got(b"x")])
    if polled is not None:
        monkeypatch.setattr(s.poller, "_take_in", lambda *_: 1 // 0)
    assert type(s.fetch()) is UpstreamError
    monkeypatch.undo()
    s.pass_time(1)
    assert s.fetch().content == b"x"
    assert len(s.sessions) == (1 if polled is None else 2), "what was lost is asked for again"


def test_replies_that_are_ready_learn_at_once_that_they_are_stale_and_that_they_are_not(scene):
    changes = []
    s = scene(c=[got(b"x"), Unavailable("no"), Unavailable("no"), None, None])
    s.fetch()
    s.cache._changed = lambda: changes.append(s.cache.get(KEY).freshness.stale)
    for _ in range(4):
        s.pass_time(60)
        s.refresh()
    assert changes == ["Unavailable", ""]


def test_access_that_stays_denied_is_one_error_and_then_warnings(scene):
    s = scene(c=[got(b"x"), AccessDenied("no"), AccessDenied("no"), AccessDenied("other")])
    s.fetch()
    for level in ("ERROR", "WARN", "ERROR"):
        s.pass_time(60)
        s.refresh()
        assert s.log[-1].startswith(f"{level} retrieve failure for '{NAME}': ")


def test_a_failed_first_retrieval_is_told_to_the_caller_with_the_name(scene):
    s = scene(c=[NotFound("Deployment not found", {"ResourceType": "Deployment"})])
    fault = s.fetch()
    assert isinstance(fault, NotFound)
    assert fault.message == f"configuration '{NAME}': Deployment not found"
    assert fault.details == {"ResourceType": "Deployment"}
    assert "(retry on request, not within 5s)" in s.log[-1]


def test_a_failure_is_remembered_for_a_while_and_then_asked_about_again(scene):
    s = scene(c=[NotFound("x"), got(b"x")])
    first = s.fetch()
    s.pass_time(memory_of(first, 60) - 0.1)
    assert isinstance(s.fetch(), NotFound)
    assert s.sessions[0].polls == 1
    s.pass_time(0.2)
    assert s.fetch().content == b"x"


def test_an_invocation_does_not_poll_for_what_was_never_there_unless_it_is_on_the_list(scene):
    s = scene(c=[NotFound("x")], d=[NotFound("x"), got(b"d")])
    s.fetch()
    s.poller.prefetch([("a", "e", "d")])
    s.workers.run()
    s.pass_time(60)
    assert s.refresh() == 1
    assert s.cache.get(("a", "e", "d")).content == b"d"


def test_a_prefetch_and_a_fetch_are_one(scene):
    s = scene(c=[got(b"x")])
    (retrieval,) = s.poller.prefetch([KEY])
    task = s.loop.create_task(s.poller.fetch(KEY))
    s.loop.run_until_complete(asyncio.sleep(0))
    s.workers.run()
    assert task.result() is retrieval.result()
    assert s.sessions[0].polls == 1


def test_a_refresh_under_way_is_not_begun_again(scene):
    s = scene(c=[got(b"x"), got(b"y")])
    s.fetch()
    s.pass_time(45)
    assert len(s.poller.refresh_due()) == 1
    assert len(s.poller.refresh_due()) == 1, "the one under way"
    assert len(s.workers.held) == 1


def test_the_number_of_configurations_is_bounded_and_failures_do_not_count(scene):
    s = scene(c=[got(b"x")], d=[NotFound("x")], f=[got(b"f")], g=[got(b"g")])
    s.fetch()
    s.fetch(("a", "e", "d"))
    assert s.fetch(("a", "e", "f")).content == b"f", "the failed one is not in use"
    fault = s.fetch(("a", "e", "g"))
    assert isinstance(fault, TooManyConfigurations)
    assert s.cache.get(KEY) is not None


def test_names_that_lead_to_nothing_are_bounded_in_a_minute(scene, monkeypatch):
    monkeypatch.setattr(poller, "MAX_FAILED", 2)
    s = scene(c=[got(b"x")], d=[NotFound("x")], e=[NotFound("x")], f=[got(b"f")])
    for name in "cde":
        s.fetch(("a", "e", name))
    refused = s.fetch(("a", "e", "f"))
    assert isinstance(refused, TooManyConfigurations)
    assert "has cost a session" in refused.message
    assert s.fetch().content == b"x", "what is there is served"
    assert len(s.sessions) == 3
    s.pass_time(poller.FAILED_KEPT_S)
    assert s.fetch(("a", "e", "f")).content == b"f"


@pytest.mark.parametrize(("age_s", "left_s"), [(10.0, 35.0), (44.0, 1.0), (-100.0, 45.0)])
def test_a_backup_is_polled_when_the_interval_since_it_was_saved_has_passed(scene, age_s, left_s):
    s = scene(c=[got(b"new")])
    backup = Document(b"old", "text/plain")
    backup.saved_at = s.clock.wall - age_s
    s.poller.preload(KEY, backup)
    assert s.fetch().content == b"old"
    s.pass_time(left_s - 0.01)
    assert s.poller.refresh_due() == []
    s.pass_time(0.02)
    assert len(s.poller.refresh_due()) == 1
    s.workers.run()
    assert s.cache.get(KEY).content == b"new"


def test_with_timers_every_configuration_polls_by_itself(scene, monkeypatch):
    monkeypatch.setattr(schedule, "JITTER", 0.0)
    s = scene(timers=True, c=[got(b"x"), Unavailable("x"), got(b"y")])
    timers = []
    s.loop.call_later = lambda delay, call, *arguments: (
        timers.append((delay, call, arguments))
        or type("Timer", (), {"cancel": lambda self: None})()
    )
    s.fetch()
    for expected in (b"x", b"y"):
        delay, call, arguments = timers.pop()
        assert delay == 45
        call(*arguments)
        s.workers.run()
        assert s.cache.get(KEY).content == expected
    assert len(timers) == 1


# ---------------------------------------------------------------- freshness


def fields_of(scene):
    document = scene.cache.get(KEY)
    return document.freshness.fields().decode()


def test_a_document_s_age_is_that_of_its_last_confirmation(scene):
    s = scene(c=[got(b"x"), None, TimedOut("slow"), got(b"y")])
    s.fetch()
    assert fields_of(s) == "Age: 0\r\nCache-Control: max-age=45\r\n"
    s.pass_time(50)
    assert fields_of(s) == "Age: 50\r\nCache-Control: max-age=45\r\n", "a poll is due"
    s.refresh()
    assert fields_of(s) == "Age: 0\r\nCache-Control: max-age=45\r\n"
    s.pass_time(45)
    s.refresh()
    stale = "Age: 45\r\nCache-Control: max-age=90\r\nFastext-Stale: TimedOut\r\n"
    assert fields_of(s) == stale, "good until the next poll, in 45 s"
    s.pass_time(3600, wall=10)
    s.refresh()
    assert fields_of(s) == "Age: 0\r\nCache-Control: max-age=45\r\n"


def test_a_version_that_cannot_be_used_leaves_the_old_one_marked_until_there_is_another(scene):
    s = scene(c=[got(b"x"), MALFORMED[0], None, got(b"y")])
    s.fetch()
    for _ in range(2):  # the malformed version, and "unchanged" after it
        s.pass_time(45)
        s.refresh()
        assert s.cache.get(KEY).content == b"x"
        assert "Fastext-Stale: Unusable" in fields_of(s)
        [state] = s.poller.states("service")
        assert "cannot be used" in state["lastError"]["message"]
    assert "the new version cannot be used: flag 'f' is neither" in s.log[-2]
    s.pass_time(45)
    s.refresh()
    assert s.cache.get(KEY).content == b"y"
    assert "Stale" not in fields_of(s)


# ---------------------------------------------------------------- freezes


def freeze_in_next_poll(scene, seconds):
    """Have `seconds` pass while the next poll of the only session is under way."""
    session = scene.sessions[0]
    poll = session.poll

    def slept(deadline):
        session.poll = poll
        scene.pass_time(seconds)
        return poll(deadline)

    session.poll = slept


def test_a_poll_that_a_freeze_has_cut_is_made_again_at_once_and_is_no_failure(scene):
    s = scene(c=[got(b"x"), TimedOut("no complete answer within 3 s"), got(b"y")])
    s.fetch()
    s.pass_time(45)
    freeze_in_next_poll(s, 60)
    s.refresh()
    assert s.sessions[0].polls == 2
    s.workers.run()
    document = s.cache.get(KEY)
    assert document.content == b"y"
    assert not document.freshness.stale
    assert not [line for line in s.log if "failure" in line]


def test_it_is_made_again_once_and_not_again_and_again(scene):
    s = scene(c=[got(b"x"), TimedOut("late"), TimedOut("late"), got(b"y")])
    s.fetch()
    s.pass_time(45)
    freeze_in_next_poll(s, 60)
    s.refresh()
    freeze_in_next_poll(s, 60)
    s.workers.run()
    s.workers.run()
    assert s.sessions[0].polls == 3
    assert s.workers.held == []
    assert s.cache.get(KEY).freshness.stale == "TimedOut"


@pytest.mark.parametrize("late", [0.0, 3.0, 3.9])
def test_what_ends_in_time_was_slow_and_not_frozen(scene, late):
    s = scene(c=[got(b"x"), TimedOut("late"), got(b"y")])
    s.fetch()
    s.pass_time(45)
    freeze_in_next_poll(s, late)
    s.refresh()
    s.workers.run()
    assert s.sessions[0].polls == 2
    assert s.cache.get(KEY).freshness.stale == "TimedOut"


def test_one_throttle_after_other_failures_is_the_first(scene, monkeypatch):
    monkeypatch.setattr(schedule, "uniform", lambda least, most: most)
    faults = [Unavailable("503"), TimedOut("late"), Unavailable("503"), Throttled("429")]
    s = scene(c=[got(b"x"), *faults, Unavailable("503"), Throttled("429"), Throttled("429")])
    s.fetch()
    waits = []
    for _ in range(7):
        s.pass_time(10_000)
        s.refresh()
        waits.append(round(s.cache.get(KEY).freshness.next_poll_s))
    assert waits == [45, 45, 45, 135, 45, 135, 225]
