"""What both clients of the AppConfig Data API make of what should not come: the same, and ours."""

import calendar
import json
import threading
import time
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import quote

import aws
import pytest
from aws import begin, get
from conftest import FLAGS
from fakes.appconfig import GET, START, http_answer
from fakes.faults import Raw, Status

from fastext.errors import (
    AccessDenied,
    InvalidUpstreamRequest,
    NotFound,
    Throttled,
    TokenRejected,
    Unavailable,
    UpstreamError,
)
from fastext.session import ConfigurationSession

KINDS = ("direct", "botocore")
JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def environ(monkeypatch):
    return aws.clean(monkeypatch)


@pytest.fixture
def clients(appconfig):
    made = [aws.client_of(appconfig, kind=kind) for kind in KINDS]
    yield made
    made[0].close()


def raised_by(call):
    with pytest.raises(UpstreamError) as raised:
        call()
    return type(raised.value), raised.value.details, raised.value.message


def outcomes(clients, appconfig, answer):
    """What each client raises where `answer` is what it gets."""
    appconfig.fail_always(START, Raw(answer))
    for client in clients:
        yield raised_by(lambda client=client: begin(client))


ODD = (b"[]", b"null", b"5", b'"x"', b"NaN", b"", b"\xff", b"[" * 100_000, b'{"__type":5}',
       b'{"code":[]}', b'{"ReferencedBy":[]}', b'{"ReferencedBy":"x","Details":[],"Message":{}}',
       b'{"message":"\\ud800"}', b"\xef\xbb\xbf{}")  # fmt: skip


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, InvalidUpstreamRequest), (403, AccessDenied), (404, NotFound), (429, Throttled),
     (500, Unavailable)],
)  # fmt: skip
@pytest.mark.parametrize("content", ODD, ids=lambda content: repr(content[:20]))
def test_the_status_counts_whatever_the_body_is(clients, appconfig, status, error, content):
    answer = http_answer(status, content, JSON)
    ours, theirs = outcomes(clients, appconfig, answer)
    assert ours == theirs
    assert ours[:2] == (error, {})


@pytest.mark.parametrize("content", ODD, ids=lambda content: repr(content[:20]))
def test_a_session_that_begins_without_a_token_does_not_begin(clients, appconfig, content):
    ours, theirs = outcomes(clients, appconfig, http_answer(201, content, JSON))
    assert ours == theirs
    assert "lacks 'InitialConfigurationToken'" in ours[2]


REJECTIONS = ("{}", "[]", '"x"', "null", '{"__type":"x"}', '{"InvalidParameters":null}',
              '{"InvalidParameters":{"ConfigurationToken":{"Problem":"Expired"}},"Other":1}',
              )  # fmt: skip


@pytest.mark.parametrize("details", REJECTIONS)
@pytest.mark.parametrize("kind", [0, 1], ids=KINDS)
def test_whatever_the_details_of_a_rejection_are_a_new_session_follows(
    clients, appconfig, kind, details
):
    key = ("shop", "production", "features")
    session = ConfigurationSession(clients[kind], key, 45)
    content = f'{{"Message":"m","Details":{details}}}'.encode()
    rejected = Raw(http_answer(400, content, {**JSON, "x-amzn-ErrorType": "BadRequestException"}))
    appconfig.fail(GET, rejected)
    assert session.poll(aws.Deadline(10)) is not None
    assert appconfig.count(START) == 2
    appconfig.fail_always(GET, rejected)
    assert raised_by(lambda: session.poll(aws.Deadline(10)))[0] is TokenRejected


# ---------------------------------------------------------------- whose answer it is

WHOLE = http_answer(200, b"somebody else's", {"Next-Poll-Configuration-Token": "stolen"})


@dataclass(frozen=True)
class Before:
    """Bytes before the right answer, and a pause after them that the test ends."""

    first: bytes
    gate: threading.Event

    def play(self, exchange):
        exchange.send(self.first)
        if exchange.hold(self.gate):
            exchange.send(exchange.answer())


@dataclass(frozen=True)
class Behind:
    """The right answer, and bytes behind it that nobody has asked for."""

    rest: bytes
    ends: bool
    has_answer: threading.Event
    sent: threading.Event

    def play(self, exchange):
        exchange.send(exchange.answer())
        if exchange.hold(self.has_answer):
            exchange.send(self.rest)
            if self.ends:
                exchange.close()
            self.sent.set()


@pytest.mark.parametrize("kind", [0, 1], ids=KINDS)
@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize(
    "rest",
    [WHOLE, b"\n", http_answer(408, b"", {"Connection": "close"}), http_answer(400, b"", {})],
    ids=["an answer", "a line end", "408", "400"],
)
def test_what_comes_over_an_idle_connection_is_no_answer(clients, appconfig, kind, rest, ends):
    client, has_answer, sent = clients[kind], threading.Event(), threading.Event()
    appconfig.fail(START, Behind(rest, ends, has_answer, sent))
    token = begin(client)
    has_answer.set()
    assert sent.wait(20)
    assert get(client, token).content == FLAGS


@pytest.mark.parametrize("kind", [0, 1], ids=KINDS)
@pytest.mark.parametrize("status", [b"102 Processing", b"103 Early Hints"])
def test_an_interim_answer_has_the_answer_behind_it(clients, appconfig, kind, status):
    gate = threading.Event()
    appconfig.fail(START, Before(b"HTTP/1.1 %b\r\nLink: </a>\r\n\r\n" % status, gate))
    threading.Timer(0.05, gate.set).start()  # the answer is not there when the client looks
    token = begin(clients[kind])
    assert get(clients[kind], token).content == FLAGS


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\n{}",
     b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}",
     b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}",
     b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n{}",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}",
     b"HTTP/1.1 200 OK\r\n\r\n{}", b"HTTP/1.0 200 OK\r\n\r\n{}"],
)  # fmt: skip
def test_an_answer_without_an_end_is_none(clients, appconfig, head):
    head = head.replace(b"\r\n\r\n", b"\r\nNext-Poll-Configuration-Token: t\r\n\r\n")
    for client in clients:
        token = begin(client)
        appconfig.fail(GET, RawAndClose(head))
        with pytest.raises(Unavailable, match="no usable answer from"):
            get(client, token)
        assert get(client, begin(client)).content, "and what follows is right again"


@dataclass(frozen=True)
class RawAndClose:
    content: bytes

    def play(self, exchange):
        exchange.send(self.content)
        exchange.close()


TOKEN = "AYABeJ-a+long/token=" * 3


@pytest.mark.parametrize("kind", [0, 1], ids=KINDS)
@pytest.mark.parametrize(
    "spelt",
    [str, quote, lambda text: quote(text, safe=""), lambda text: quote(text, safe="").lower(),
     lambda text: quote(quote(text, safe="")), lambda text: text.replace("/", "\\/"),
     lambda text: text.replace("+", "&#43;").replace("=", "&#x3D;")],
    ids=["as it is", "slashes kept", "encoded", "in lower case", "twice", "JSON", "HTML"],
)  # fmt: skip
def test_what_an_answer_repeats_of_a_request_is_not_told(appconfig, environ, kind, spelt):
    """As gateways do it, and frameworks for pages that are not there."""
    session_token = "FwoGZXIvYXdzE+/session-token=="
    environ.setenv("AWS_SESSION_TOKEN", session_token)
    client = aws.client_of(appconfig, kind=KINDS[kind])
    shown = spelt(TOKEN)
    echo = f"Cannot GET /configuration?configuration_token={shown} {spelt(session_token)}"
    problem = {"InvalidParameters": {"ConfigurationToken": {"Problem": echo}}}
    body = json.dumps({"Message": echo, "Reason": echo, "Details": problem})
    for status, content in ((404, echo), (400, body)):
        fields = {} if status == 404 else {**JSON, "x-amzn-ErrorType": "BadRequestException"}
        appconfig.fail(GET, Raw(http_answer(status, content.encode(), fields)))
        with pytest.raises(UpstreamError, match="Cannot GET") as raised:
            get(client, TOKEN)
        told = f"{raised.value.message} {raised.value.details}".lower()
        assert "ayabej" not in told
        assert "session-token" not in told
    if kind == 0:
        client.close()


@pytest.mark.parametrize("kind", [0, 1], ids=KINDS)
@pytest.mark.parametrize("name", ["Transfer-Encoding", "Content-Length"])
def test_a_field_that_is_none_is_not_quoted_at_length(clients, appconfig, kind, name):
    token = begin(clients[kind])
    appconfig.fail(GET, RawAndClose(f"HTTP/1.1 200 OK\r\n{name}: {TOKEN}\r\n\r\n".encode()))
    with pytest.raises(Unavailable, match="AYABeJ") as raised:
        get(clients[kind], token)
    assert TOKEN[:16] not in raised.value.message


# ---------------------------------------------------------------- clock


@pytest.mark.parametrize("kind", [0, 1], ids=KINDS)
@pytest.mark.parametrize(
    "code", ["InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed",
             "SignatureDoesNotMatch"]
)  # fmt: skip
def test_a_wrong_clock_is_put_right_by_the_date_of_the_refusal(clients, appconfig, kind, code):
    first = time.time()
    skewed = Status(403, code, fields={"Date": formatdate(first + 3600, usegmt=True)})
    appconfig.fail(START, skewed)
    token = begin(clients[kind])
    get(clients[kind], token)
    assert [signed_ahead_s(call, first) > 1800 for call in appconfig.calls] == [False, True, True]
    appconfig.fail_always(START, skewed)
    assert raised_by(lambda: begin(clients[kind]))[0] is AccessDenied
    assert appconfig.count(START) == 3, "it was right already"


def signed_ahead_s(call, now):
    return calendar.timegm(time.strptime(call.fields["x-amz-date"], "%Y%m%dT%H%M%SZ")) - now


@pytest.mark.parametrize("kind", [0, 1], ids=KINDS)
@pytest.mark.parametrize("date", ["now", "soon"])
def test_a_refused_signature_with_the_right_time_is_final(clients, appconfig, kind, date):
    date = formatdate(usegmt=True) if date == "now" else date
    appconfig.fail(START, Status(403, "InvalidSignatureException", fields={"Date": date}))
    assert raised_by(lambda: begin(clients[kind]))[0] is AccessDenied
    assert appconfig.count(START) == 1


# ---------------------------------------------------------------- credentials


@pytest.mark.parametrize(
    ("name", "part"),
    [("AWS_ACCESS_KEY_ID", "access key"), ("AWS_SECRET_ACCESS_KEY", "secret key"),
     ("AWS_SESSION_TOKEN", "token")],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\nX-Evil: y", "\x0b", "\x7f", "é", "т", "\udc80"])
@pytest.mark.parametrize("kind", KINDS)
def test_credentials_that_could_not_be_sent_are_refused(appconfig, environ, name, part, end, kind):
    environ.setenv(name, f"canary{end}")
    client = aws.client_of(appconfig, kind=kind)
    error, _, message = raised_by(lambda: begin(client))
    assert error is Unavailable
    assert f"the {part} of the AWS credentials holds control or non-ASCII characters" in message
    assert "canary" not in message
    assert appconfig.calls == []
