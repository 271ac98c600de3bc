"""The moment at which a call must have ended."""

import socket
import time

import pytest

from fastext.deadline import Deadline
from fastext.errors import TimedOut


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


def test_expiring_shuts_the_watched_socket():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        deadline = Deadline(60)
        deadline.watch(type("Connection", (), {"sock": ours}))
        deadline.expire()
        assert ours.recv(1) == b""


def test_expiring_with_nothing_to_shut_is_no_fault():
    deadline = Deadline(60)
    deadline.watch(type("Connection", (), {"sock": None}))
    deadline.expire()
    with socket.socket() as unconnected:
        deadline.watch(type("Connection", (), {"sock": unconnected}))
        deadline.expire()
