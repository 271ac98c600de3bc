"""The last resort's own loop: it outlives errors of the API, and ends with SHUTDOWN."""

import json
import socket
import threading

import pytest
from fakes.lambda_api import Drop, refused

from fastext import last_resort
from fastext.extensions_api import ExtensionsApi
from fastext.last_resort import stay


def test_it_says_so_in_json_where_lambda_wants_that(lambda_api, capfd):
    api = ExtensionsApi(lambda_api.address)
    api.register("fastext", ("INVOKE", "SHUTDOWN"))
    lambda_api.shutdown()
    assert stay(api, [], 'a "file"\n\\x' + "y" * 10_000, "JSON") == 0
    api.close()
    said = json.loads(capfd.readouterr().err)
    assert (said["level"], said["logger"]) == ("FATAL", "appconfig agent")
    assert said["timestamp"].endswith("Z")
    assert said["message"].startswith("fastext cannot run")
    assert r"""500: 'a "file"\n\\xyyy""" in said["message"]
    assert len(said["message"]) < 2000


def test_it_asks_for_events_until_shutdown_whatever_comes_between(lambda_api, capfd):
    api = ExtensionsApi(lambda_api.address)
    api.register("fastext", ("INVOKE", "SHUTDOWN"))
    for answer in (refused("Extension.X", "no"), Drop, b"garbage\r\n\r\n"):
        lambda_api.answer_next(answer)
    lambda_api.invoke()
    lambda_api.shutdown()
    statuses = []
    thread = threading.Thread(target=lambda: statuses.append(stay(api, [], "broken\nfiles")))
    thread.start()
    thread.join(20)
    api.close()
    assert statuses == [0]
    said = capfd.readouterr().err
    assert said.count("\n") == 1, "one event is one line"
    assert "broken\\nfiles" in said


def test_where_no_thread_can_be_had_callers_are_refused_and_do_not_wait(lambda_api, monkeypatch):
    """The loop that has failed may have duplicates of the sockets."""

    def none_left(*_):
        raise RuntimeError("can't start new thread")

    api = ExtensionsApi(lambda_api.address)
    api.register("fastext", ("INVOKE", "SHUTDOWN"))
    lambda_api.shutdown()
    monkeypatch.setattr(last_resort._thread, "start_new_thread", none_left)
    with socket.create_server(("127.0.0.1", 0)) as listening, listening.dup() as duplicate:
        assert stay(api, [listening], "no thread") == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(duplicate.getsockname(), timeout=5)
    api.close()


def test_want_of_memory_is_no_reason_to_end(lambda_api, monkeypatch):
    api = ExtensionsApi(lambda_api.address)
    api.register("fastext", ("INVOKE", "SHUTDOWN"))
    lambda_api.shutdown()
    following, failures = api.next, [MemoryError(), MemoryError(), ValueError()]

    def failing_at_first():
        if failures:
            raise failures.pop()
        return following()

    monkeypatch.setattr(api, "next", failing_at_first)
    assert stay(api, [], "short of memory") == 0
    api.close()
