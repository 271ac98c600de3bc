"""Blocking calls: how many run at once, and what a deadline ends."""

import _thread
import asyncio
import gc
import socket
import threading
import weakref

import pytest
from waiting import until

from fastext.errors import TimedOut, Unavailable
from fastext.logs import Log
from fastext.workers import Errands, Workers


def ready():
    """Nothing to prepare."""


def test_a_call_s_result_or_error_arrives(loop):
    workers = Workers(loop, 3, ready)
    assert loop.run_until_complete(workers.submit(lambda _: 42, 10)) == 42
    with pytest.raises(ZeroDivisionError):
        loop.run_until_complete(workers.submit(lambda _: 1 // 0, 10))
    with pytest.raises(RuntimeError, match="StopIteration"):
        loop.run_until_complete(workers.submit(lambda _: next(iter(())), 10))


@pytest.mark.parametrize("fault", [Unavailable, MemoryError])
def test_a_fault_does_not_hold_what_was_received_before_it(loop, fault):
    class Content:
        pass

    seen = []

    def call(_):
        content = Content()
        seen.append(weakref.ref(content))
        try:
            raise OSError
        except OSError as reset:
            raise fault("x") from reset

    gc.disable()
    try:
        future = Workers(loop, 1, ready).submit(call, 10)
        with pytest.raises(fault) as raised:
            loop.run_until_complete(future)
        assert seen[0]() is None
        assert raised.value.__cause__ is None
    finally:
        gc.enable()


def test_calls_over_the_limit_wait_their_turn(loop):
    workers = Workers(loop, 2, ready)
    gate = threading.Event()
    began = []
    beginnings = threading.Semaphore(0)

    def call(number):
        began.append(number)
        beginnings.release()
        gate.wait(10)
        return number

    futures = [workers.submit(lambda _, n=n: call(n), 10) for n in range(5)]
    assert beginnings.acquire(timeout=10)
    assert beginnings.acquire(timeout=10)
    assert not beginnings.acquire(blocking=False)
    assert sorted(began) == [0, 1]
    gate.set()
    assert loop.run_until_complete(asyncio.gather(*futures)) == [0, 1, 2, 3, 4]
    assert sorted(began) == [0, 1, 2, 3, 4]


def test_calls_that_wait_go_in_the_order_in_which_they_came(loop):
    workers = Workers(loop, 1, ready)
    began = []
    futures = [workers.submit(lambda _, n=n: began.append(n), 10) for n in range(5)]
    loop.run_until_complete(asyncio.gather(*futures))
    assert began == [0, 1, 2, 3, 4]


def test_a_call_that_cannot_be_interrupted_is_abandoned_and_its_place_is_free(loop):
    workers = Workers(loop, 1, ready)
    never = threading.Event()
    stuck = workers.submit(lambda _: never.wait(60), 0.05)
    after = workers.submit(lambda _: "next", 10)
    with pytest.raises(TimedOut, match=r"within 0\.05 s"):
        loop.run_until_complete(stuck)
    assert loop.run_until_complete(after) == "next"
    never.set()


def test_the_deadline_shuts_the_socket_under_a_call(loop):
    ours, theirs = socket.socketpair()
    ended = threading.Event()

    class Connection:
        sock = ours

    def read(deadline):
        deadline.watch(Connection())
        ours.recv(1)
        ended.set()

    with theirs, ours:
        with pytest.raises(TimedOut):
            loop.run_until_complete(Workers(loop, 1, ready).submit(read, 0.05))
        assert ended.wait(10)


# ---------------------------------------------------------------- threads that cannot be had


class Threads:
    """What starts threads, or does not: those that it was asked for and has not begun."""

    def __init__(self, fault=None):
        self.fault = fault
        self.begun = []

    def __call__(self, function, arguments):
        if self.fault is not None:
            raise self.fault
        self.begun.append(function)


@pytest.fixture
def threads(monkeypatch):
    def threads(fault=None):
        threads = Threads(fault)
        monkeypatch.setattr(_thread, "start_new_thread", threads)
        return threads

    return threads


@pytest.mark.parametrize("fault", [RuntimeError("can't start new thread"), MemoryError()])
def test_where_no_thread_can_start_calls_fail_and_their_places_are_free(
    loop, threads, monkeypatch, fault
):
    workers = Workers(loop, 1, ready)
    threads(fault)
    futures = [workers.submit(lambda _: 1, 10) for _ in range(3000)]
    answers = loop.run_until_complete(asyncio.gather(*futures, return_exceptions=True))
    assert {type(answer) for answer in answers} == {Unavailable}
    assert "cannot start a thread" in str(answers[0])
    monkeypatch.undo()
    assert loop.run_until_complete(workers.submit(lambda _: 1, 10)) == 1


def test_a_thread_that_dies_before_it_begins_fails_the_call_and_no_other_one(
    loop, threads, monkeypatch
):
    monkeypatch.setattr("fastext.workers.LOOK_S", 0.01)
    workers = Workers(loop, 1, ready)
    dead = threads()
    called = []
    future = workers.submit(lambda _: called.append(1), 10)
    after = workers.submit(lambda _: "next", 10)
    with pytest.raises(Unavailable, match="its thread does not run"):
        loop.run_until_complete(future)
    [begin, begin_next] = dead.begun
    begin()  # not dead, but slow: nobody waits for what it would cost
    assert called == []
    begin_next()
    assert loop.run_until_complete(after) == "next"


def test_a_thread_that_cannot_say_what_went_wrong_is_looked_at(loop, threads, monkeypatch):
    monkeypatch.setattr("fastext.workers.LOOK_S", 0.01)

    class Deaf:
        def __getattr__(self, name):
            return getattr(loop, name)

        def call_soon_threadsafe(self, *_):
            raise MemoryError

    future = Workers(Deaf(), 1, ready).submit(lambda _: 1, 10)
    with pytest.raises(MemoryError):
        loop.run_until_complete(future)


def test_what_is_never_prepared_fails_the_call(loop, monkeypatch):
    monkeypatch.setattr("fastext.workers.LOOK_S", 0.01)
    monkeypatch.setattr("fastext.workers.MAX_LOOKS", 5)
    gate, armed = threading.Event(), []
    future = Workers(loop, 1, lambda: gate.wait(10)).submit(armed.append, 10)
    with pytest.raises(Unavailable):
        loop.run_until_complete(future)
    gate.set()
    until(lambda: armed)
    loop.run_until_complete(asyncio.sleep(0))
    with pytest.raises(TimedOut):
        armed[0].remaining_s()


# ---------------------------------------------------------------- what is prepared


def test_preparing_is_not_charged_to_the_call(loop):
    prepared = threading.Event()

    def prepare():
        prepared.wait(10)

    workers = Workers(loop, 1, prepare)
    future = workers.submit(lambda deadline: deadline.remaining_s(), 0.2)
    loop.call_later(0.3, prepared.set)
    assert 0 < loop.run_until_complete(future) <= 0.2


def test_what_cannot_be_prepared_fails_the_call(loop):
    def prepare():
        raise ImportError("no such module")

    with pytest.raises(ImportError):
        loop.run_until_complete(Workers(loop, 1, prepare).submit(lambda _: 1, 10))


# ---------------------------------------------------------------- errands


@pytest.fixture
def lines():
    return []


@pytest.fixture
def log(lines):
    return Log("info", lambda line: lines.append(line.decode().split(" ", 4)[4]), lambda: 0.0)


def test_errands_are_run_one_at_a_time_and_of_one_name_only_the_last(loop, log):
    errands = Errands(loop, log)
    gate, began, ended = threading.Event(), threading.Event(), threading.Event()
    ran = []

    def first():
        began.set()
        gate.wait(10)
        ran.append("first")

    errands.submit("a", first)
    assert began.wait(10)
    for number in range(3):
        errands.submit("a", lambda n=number: (ran.append(n), ended.set()))
    gate.set()
    assert ended.wait(10)
    assert ran == ["first", 2]


def test_an_errand_that_fails_is_told_and_the_others_are_run(loop, log, lines):
    errands = Errands(loop, log)
    ended = threading.Event()
    errands.submit("bad", lambda: 1 // 0)
    errands.submit("good", ended.set)
    assert ended.wait(10)
    until(lambda: lines)
    [line] = lines
    assert line.startswith("ERROR an errand: ZeroDivisionError")


def test_without_a_thread_an_errand_is_run_later(loop, log, lines, threads, monkeypatch):
    monkeypatch.setattr("fastext.workers.ERRANDS_RETRY_S", 0.01)
    errands = Errands(loop, log)
    ended = asyncio.Event()
    threads(MemoryError())
    errands.submit("a", lambda: loop.call_soon_threadsafe(ended.set))
    assert lines == ["WARN cannot start a thread: ; it is tried again\n"]
    monkeypatch.undo()
    loop.run_until_complete(asyncio.wait_for(ended.wait(), 10))
