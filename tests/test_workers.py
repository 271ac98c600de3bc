"""Blocking calls: how many run at once, and what a deadline ends."""

import asyncio
import socket
import threading

import pytest

from fastext.errors import TimedOut, Unavailable
from fastext.workers import Workers


def ready():
    """Nothing to prepare."""


def test_a_call_s_result_or_error_arrives(loop):
    workers = Workers(loop, 3, ready)
    assert loop.run_until_complete(workers.submit(lambda _: 42, 10)) == 42
    with pytest.raises(ZeroDivisionError):
        loop.run_until_complete(workers.submit(lambda _: 1 // 0, 10))


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


def test_where_no_thread_can_start_the_call_fails_and_its_place_is_free(loop, monkeypatch):
    workers = Workers(loop, 1, ready)

    def refuse(self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        future = workers.submit(lambda _: 1, 10)
        with pytest.raises(Unavailable, match="cannot start a thread"):
            loop.run_until_complete(future)
    assert loop.run_until_complete(workers.submit(lambda _: 1, 10)) == 1


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
