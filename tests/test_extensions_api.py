"""The Extensions API's client, against the fake of its server."""

import contextlib
import json
import select
import socket
import threading

import pytest
from fakes.lambda_api import Drop, FakeLambdaApi, refused
from waiting import until

from fastext import extensions_api
from fastext.errors import ExtensionsApiError
from fastext.extensions_api import ExtensionsApi, member, read_head

EVENT = b'{"eventType":"SHUTDOWN"}'
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
LENGTH = b"Content-Length: %d\r\n\r\n" % len(EVENT)


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


@pytest.mark.parametrize("between", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", OK])
def test_next_has_no_time_out(registered, lambda_api, between):
    """Whether an answer was complete at once or not."""
    ours, theirs = socket.socketpair()
    registered.close()
    registered._socket = ours
    with theirs:
        caller, answers = call_next(registered)
        theirs.recv(65536)
        theirs.sendall(between)
        if between:
            until(lambda: not unread(ours))
        theirs.sendall(LENGTH if between == OK else OK + LENGTH)
        until(lambda: not unread(ours))
        theirs.sendall(EVENT)
        caller.join(10)
        assert answers == [EVENT]
        assert ours.gettimeout() is None


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


@pytest.mark.parametrize(
    "answer",
    [
        OK + LENGTH + EVENT,
        OK + b"Connection: close\r\n" + LENGTH + EVENT,
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + LENGTH + EVENT,
        b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n" * 2 + OK + LENGTH + EVENT,
        CHUNKED + b"8\r\n%b\r\n10;x=y\r\n%b\r\n0\r\n\r\n" % (EVENT[:8], EVENT[8:]),
        CHUNKED + b"18 \r\n%b\r\n000;x\r\n\r\n" % EVENT,
        CHUNKED + b"18\r\n%b\r\n0\r\nX-Trailer: 0\r\nY: 1\r\n\r\n" % EVENT,
    ],
)
@pytest.mark.parametrize("size", [1, 7, 65536])
def test_an_answer_may_come_in_any_framing_and_in_any_pieces(registered, answer, size):
    content, asked = given(registered, answer, size)
    assert content == EVENT
    assert asked.startswith(b"GET /2020-01-01/extension/event/next HTTP/1.1\r\n")
    assert (registered._socket is None) == (b"close" in answer)


def test_an_answer_may_end_with_the_connection(registered):
    answer = OK + b"Connection: close\r\n\r\n" + EVENT
    assert given(registered, answer, 7, end=True)[0] == EVENT
    assert given(registered, b"HTTP/1.0 200 OK\r\n\r\n" + EVENT, end=True)[0] == EVENT


def test_what_stands_behind_an_answer_is_no_answer_to_the_next_call(registered):
    assert given(registered, (OK + LENGTH + EVENT) * 2)[0] == EVENT
    assert registered._socket is None


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage",
        b"HTTP!",
        b"HTTP/1.1 000 Nothing\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 099 Nothing\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        OK + b"\r\n{}",
        b"HTTP/1.1 500 Internal Server Error\r\n\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        CHUNKED + b"-5\r\n",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"1\r\n{}\r\n0\r\n\r\n",
        CHUNKED + b"ffffff\r\n",
        OK + b"X: " + b"x" * extensions_api.MAX_ANSWER_BYTES,
        CHUNKED + b"1000\r\n%b\r\n" % (b"x" * 4096) * 257,
    ],
)
def test_what_is_no_answer_is_refused_at_once_with_the_connection_open(registered, answer):
    with pytest.raises(ExtensionsApiError, match="event/next: no answer: "):
        given(registered, answer)
    assert registered._socket is None


@pytest.mark.parametrize("answer", [b"HT", OK + b"Conte", OK + LENGTH + EVENT[:-1], CHUNKED + b"0",
                                    CHUNKED + b"0\r\nX: y\r\n"])  # fmt: skip
def test_what_has_begun_and_does_not_end_is_given_up(registered, monkeypatch, answer):
    monkeypatch.setattr(extensions_api, "LONGEST_ANSWER_S", 0.05)
    with pytest.raises(ExtensionsApiError, match="event/next: no answer: "):
        given(registered, answer)


def given(api, answer, size=65536, end=False):
    """What `next` makes of `answer` in pieces of `size`, and what it sent to get it."""
    ours, theirs = socket.socketpair()
    api.close()
    api._socket = ours
    asked = []

    def serve():
        asked.append(theirs.recv(65536))
        with contextlib.suppress(OSError):  # refused before it was all said
            for start in range(0, len(answer), size):
                theirs.sendall(answer[start : start + size])
        if end:
            theirs.shutdown(socket.SHUT_WR)

    server = threading.Thread(target=serve)
    server.start()
    with theirs:
        try:
            return api.next(), asked[0]
        finally:
            server.join()


def call_next(api):
    """A thread that has called `next`, and the list that gets its answer."""
    answers = []
    caller = threading.Thread(target=lambda: answers.append(api.next()))
    caller.start()
    return caller, answers


def unread(sock):
    """Whether something has arrived that nobody has read yet."""
    return select.select([sock], [], [], 0)[0]


def test_one_event_at_a_time_is_waited_for(lambda_api, registered):
    waiting = threading.Thread(target=registered.next)
    waiting.start()
    lambda_api.wait_next(1)
    assert waiting.is_alive()
    lambda_api.shutdown()
    waiting.join(10)


def test_small_readers():
    assert read_head("HTTP/1.1 200 OK\r\nA-b:  c ") == (200, {"a-b": "c"})
    for bad in ("SSH-2.0", "HTTP/1.1 x", ""):
        with pytest.raises(ValueError, match="not HTTP"):
            read_head(bad)


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ('{"eventType": "A", "x": 1}', "A"),
        ('{ "x": [1, {}], "eventType" : "A"}', "A"),
        ('\n{\n"x": null,\n"eventType":\n"A"\n}', "A"),
        ('{"x":{"eventType":"B"},"eventType":"A"}', "A"),
        ('{"x":[{"eventType":"B"}],"eventType":"A"}', "A"),
        ('{"x":"eventType","eventType":"A"}', "A"),
        ('{"x":"\\"eventType\\":\\"B","eventType":"A"}', "A"),
        ('{"x":"\\\\","eventType":"A"}', "A"),
        ('{"x":"{[","eventType":"A"}', "A"),
        ('{"eventType":null,"x":"B"}', ""),
        ('{"x":{"eventType":"B"}}', ""),
        ('{"eventType":"A', ""),
        ('["eventType","B"]', ""),
        ("{}", ""),
        ("", ""),
    ],
)
def test_a_member_is_one_of_the_object_itself(content, value):
    assert member(content.encode(), b"eventType") == value


def test_a_long_text_is_read_in_time():
    assert member(b'{"x":"' + b'\\"' * 500_000 + b'","y":"z"}', b"y") == "z"
