"""Blocking calls: how many run at once, and what a deadline ends."""

import asyncio
import socket
import threading
import time

import pytest

from fastext.errors import TimedOut, Unavailable
from fastext.workers import Deadline, Workers


def test_a_call_s_result_or_error_arrives(loop):
    workers = Workers(loop, 3)
    assert loop.run_until_complete(workers.submit(lambda _: 42, 10)) == 42
    with pytest.raises(ZeroDivisionError):
        loop.run_until_complete(workers.submit(lambda _: 1 // 0, 10))


def test_calls_over_the_limit_wait_their_turn_in_order(loop):
    workers = Workers(loop, 2)
    gate = threading.Event()
    began = []

    def call(number):
        began.append(number)
        gate.wait(10)
        return number

    futures = [workers.submit(lambda _, n=n: call(n), 10) for n in range(5)]
    loop.run_until_complete(asyncio.sleep(0))
    assert sorted(began) == [0, 1]
    gate.set()
    assert loop.run_until_complete(asyncio.gather(*futures)) == [0, 1, 2, 3, 4]
    assert began[2:] == [2, 3, 4]


def test_a_call_that_cannot_be_interrupted_is_abandoned_and_its_place_is_free(loop):
    workers = Workers(loop, 1)
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
            loop.run_until_complete(Workers(loop, 1).submit(read, 0.05))
        assert ended.wait(10)


def test_a_deadline_that_has_passed_says_so():
    deadline = Deadline(60)
    assert 0 < deadline.remaining_s() <= 60
    deadline.expire()
    with pytest.raises(TimedOut):
        deadline.remaining_s()
    with pytest.raises(TimedOut):
        deadline.pause(60)


def test_a_pause_never_outlasts_the_deadline():
    begin = time.monotonic()
    with pytest.raises(TimedOut):
        Deadline(0.01).pause(60)
    assert time.monotonic() - begin < 60


def test_where_no_thread_can_start_the_call_fails_and_its_place_is_free(loop, monkeypatch):
    workers = Workers(loop, 1)

    def refuse(self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        future = workers.submit(lambda _: 1, 10)
        with pytest.raises(Unavailable, match="cannot start a thread"):
            loop.run_until_complete(future)
    assert loop.run_until_complete(workers.submit(lambda _: 1, 10)) == 1
