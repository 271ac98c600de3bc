"""The Extensions API's client, against the fake of its server."""

import json
import threading

import pytest
from fakes.lambda_api import Drop, FakeLambdaApi, refused

from fastext.errors import ExtensionsApiError
from fastext.extensions_api import ExtensionsApi, member, read_head, unchunk


@pytest.fixture
def registered(lambda_api):
    api = ExtensionsApi(lambda_api.address)
    api.register("fastext", ("INVOKE", "SHUTDOWN"))
    yield api
    api.close()


def test_it_registers_with_name_and_events(lambda_api, registered):
    registration = lambda_api.wait_registered()
    assert (registration.name, registration.events) == ("fastext", ("INVOKE", "SHUTDOWN"))


def test_a_refusal_carries_lambda_s_own_word():
    with FakeLambdaApi(managed_instances=True) as server:
        api = ExtensionsApi(server.address)
        with pytest.raises(ExtensionsApiError, match="status 403") as refusal:
            api.register("fastext", ("INVOKE",))
        api.close()
        assert refusal.value.error_type == "Extension.InvalidEventType"


def test_events_come_one_after_the_other(lambda_api, registered):
    lambda_api.invoke("r-1")
    lambda_api.shutdown("timeout")
    assert json.loads(registered.next())["requestId"] == "r-1"
    assert json.loads(registered.next())["shutdownReason"] == "timeout"


def test_next_has_no_time_out(lambda_api, registered):
    lambda_api.invoke()
    registered.next()
    assert registered._socket.gettimeout() is None


def test_a_connection_that_died_while_idle_is_replaced_without_a_word(lambda_api, registered):
    lambda_api.answer_next(Drop)
    lambda_api.invoke("after")
    assert json.loads(registered.next())["requestId"] == "after"


@pytest.mark.parametrize(
    "answer",
    [refused("Extension.UnknownExtensionIdentifier", "who?"), b"nonsense\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
     b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"],
)  # fmt: skip
def test_anything_but_an_event_is_an_error_of_ours(lambda_api, registered, answer):
    lambda_api.answer_next(answer)
    with pytest.raises(ExtensionsApiError, match="event/next"):
        registered.next()


def test_where_nobody_listens_the_error_says_so():
    with pytest.raises(ExtensionsApiError, match=r"register: no answer: .*refused"):
        ExtensionsApi("127.0.0.1:1").register("fastext", ())


@pytest.mark.parametrize("phase", ["init", "exit"])
def test_failures_are_reported_with_type_and_message(lambda_api, registered, phase):
    report = {"init": registered.init_error, "exit": registered.exit_error}[phase]
    report("Extension.Broken", 'with "quotes"\nand lines')
    [(path, fields, body)] = lambda_api.reports
    assert path == f"{phase}/error"
    assert fields["lambda-extension-function-error-type"] == "Extension.Broken"
    assert json.loads(body) == {
        "errorMessage": "with 'quotes' and lines",
        "errorType": "Extension.Broken",
        "stackTrace": [],
    }


def test_an_answer_may_come_in_any_framing(lambda_api, registered):
    event = b'{"eventType":"SHUTDOWN"}'
    lambda_api.answer_next(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n%b\r\n10;x=y\r\n%b\r\n0\r\n\r\n"
        % (event[:8], event[8:])
    )
    assert registered.next() == event


def test_one_event_at_a_time_is_waited_for(lambda_api, registered):
    waiting = threading.Thread(target=registered.next)
    waiting.start()
    lambda_api.wait_next(1)
    assert waiting.is_alive()
    lambda_api.shutdown()
    waiting.join(10)


def test_small_readers():
    assert member(b'{"errorType": "A", "x": 1}', b"errorType") == "A"
    assert member(b"{}", b"errorType") == ""
    assert read_head("HTTP/1.1 200 OK\r\nA-b:  c ") == (200, {"a-b": "c"})
    assert unchunk(b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n") == b"abc"
    for bad in ("SSH-2.0", "HTTP/1.1 x", ""):
        with pytest.raises(ValueError, match="not HTTP"):
            read_head(bad)
