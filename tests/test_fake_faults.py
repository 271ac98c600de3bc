"""Each fault does to a client's connection what it says."""

import http.client
import json
import socket
import threading

import pytest
from conftest import FLAGS
from fakes.answers import http_answer
from fakes.appconfig import GET, START, FakeAppConfig
from fakes.faults import (
    AnswerAndClose,
    CutHead,
    Drip,
    Garbage,
    Gate,
    Hang,
    HangAfter,
    Raw,
    Reset,
    Status,
    Truncate,
    WithFields,
)

KEY = ("shop", "production", "features")
OTHER = ("shop", "production", "other")


class Client:
    """A connection to the service that shows every byte; it is never the first to close."""

    def __init__(self, service: FakeAppConfig) -> None:
        self.address = service.url.removeprefix("http://")
        host, port = self.address.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=10)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def start(self, key=KEY):
        members = dict(zip(("ApplicationIdentifier", "EnvironmentIdentifier",
                            "ConfigurationProfileIdentifier"), key, strict=True))  # fmt: skip
        body = json.dumps(members).encode()
        self.socket.sendall(
            b"POST /configurationsessions HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )
        return self

    def get(self, token):
        self.socket.sendall(
            b"GET /configuration?configuration_token=%b HTTP/1.1\r\nHost: h\r\n\r\n"
            % token.replace("+", "%2B").encode()
        )
        return self

    def answer(self):
        answer = http.client.HTTPResponse(self.socket)
        answer.begin()
        return answer.status, answer.headers, answer.read()

    def token(self, key=KEY):
        return json.loads(self.start(key).answer()[2])["InitialConfigurationToken"]

    def some(self, size):
        """Exactly `size` bytes."""
        content = b""
        while len(content) < size:
            content += self.socket.recv(size - len(content)) or pytest.fail("it is closed")
        return content

    def everything(self):
        """What comes until the service closes."""
        return b"".join(iter(lambda: self.socket.recv(65536), b""))


@pytest.fixture
def client(appconfig):
    with Client(appconfig) as client:
        yield client


def test_a_status_has_the_shape_of_the_service_s_errors(appconfig, client):
    fault = Status(429, "ThrottlingException", {"Message": "slow"}, {"Retry-After": "3"})
    appconfig.fail(START, fault)
    status, fields, content = client.start().answer()
    assert (status, json.loads(content)) == (429, {"Message": "slow"})
    assert fields["x-amzn-errortype"].startswith("ThrottlingException:")
    assert fields["retry-after"] == "3"
    assert appconfig.calls[0].status == 429
    assert client.start().answer()[0] == 201


def test_faults_come_in_turn_before_the_one_that_lasts(appconfig, client):
    appconfig.fail_always(START, Status(500))
    appconfig.fail(START, Status(501), Status(502))
    assert [client.start().answer()[0] for _ in range(4)] == [501, 502, 500, 500]
    appconfig.heal()
    assert client.start().answer()[0] == 201


def test_faults_may_be_for_one_configuration(appconfig, client):
    appconfig.deploy(*OTHER, b"x")
    tokens = {key: client.token(key) for key in (KEY, OTHER)}
    appconfig.fail(GET, Status(500), key=OTHER)
    appconfig.fail_always(START, Status(503), key=OTHER)
    assert client.start(KEY).answer()[0] == 201
    assert client.start(OTHER).answer()[0] == 503
    assert client.get(tokens[KEY]).answer()[0] == 200
    assert client.get(tokens[OTHER]).answer()[0] == 500
    assert client.get(tokens[OTHER]).answer()[0] == 200


def test_what_hangs_goes_on_when_released(appconfig, client):
    appconfig.fail(START, Hang())
    client.start()
    appconfig.wait_for(START, 1)
    assert appconfig.calls[0].status is None
    appconfig.release()
    assert client.answer()[0] == 201


@pytest.mark.parametrize(("part", "before"), [("head", 5), ("body", 5)])
def test_an_answer_may_hang_anywhere(appconfig, client, part, before):
    content = b"0123456789"
    appconfig.deploy(*KEY, content)
    token = client.token()
    appconfig.fail(GET, HangAfter(before, part))
    client.get(token)
    if part == "head":
        seen = client.some(before)
    else:
        seen = b""
        while not seen.endswith(b"\r\n\r\n01234"):
            seen += client.some(1)
    client.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.socket.recv(1)
    client.socket.settimeout(10)
    appconfig.release()
    while not seen.endswith(content):
        seen += client.some(1)
    assert seen.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(("part", "size"), [("head", 1000), ("body", 1000)])
def test_a_drip_goes_on_for_ever(appconfig, client, part, size):
    token = client.token()
    appconfig.fail(GET, Drip(0.0, part))
    seen = client.get(token).some(size)
    head, _, content = seen.partition(b"\r\n\r\n")
    assert seen.startswith(b"HTTP/1.1 200 OK\r\n")
    if part == "head":
        assert content == b""
    else:
        assert b"Content-Length: 1000000000" in head
        assert content.startswith(b'{"dark_mode"')


def test_a_drip_ends_with_the_service():
    with FakeAppConfig() as service, Client(service) as client:
        service.fail(START, Drip(3600.0))
        client.start().some(1)
        service.__exit__()
        assert client.everything() == b""


def test_a_gate_holds_the_request_back_until_it_is_opened(appconfig, client):
    token = client.token()
    gate = threading.Event()
    appconfig.fail(GET, Gate(gate))
    client.get(token)
    appconfig.wait_for(GET, 1)
    appconfig.deploy(*KEY, b"deployed in the meantime")
    gate.set()
    assert client.answer()[2] == b"deployed in the meantime"


def test_leaving_ends_what_hangs_at_a_closed_gate():
    with FakeAppConfig() as service, Client(service) as client:
        service.fail(START, Gate(threading.Event()), Hang())
        with Client(service) as other:
            client.start()
            service.wait_for(START, 1)
            other.start()
            service.wait_for(START, 2)
            service.__exit__()
            assert (client.everything(), other.everything()) == (b"", b"")


@pytest.mark.parametrize("processed", [False, True])
def test_a_reset_may_come_before_or_after_the_token_is_used(appconfig, client, processed):
    token = client.token()
    appconfig.fail(GET, Reset(processed))
    with Client(appconfig) as other, pytest.raises(ConnectionResetError):
        other.get(token).some(1)
    assert client.get(token).answer()[0] == (400 if processed else 200)


def test_answers_may_be_cut(appconfig, client):
    token = client.token()
    appconfig.fail(GET, Truncate(3))
    assert client.get(token).everything().endswith(FLAGS[:-3])
    with Client(appconfig) as other:
        appconfig.fail(START, CutHead())
        head = other.start().everything()
    assert head.startswith(b"HTTP/1.1 201 ")
    assert b"\r\n\r\n" not in head


def test_an_answer_may_be_no_http_or_any_http(appconfig, client):
    appconfig.fail(START, Raw(http_answer(204, b"", {})), Garbage(b"\x00\xff"))
    assert client.start().answer()[0] == 204
    assert client.start().everything() == b"\x00\xff"
    assert [call.status for call in appconfig.calls] == [204, None]


def test_fields_may_be_hostile_and_missing(appconfig, client):
    token = client.token()
    hostile = {"Content-Type": b"a\x00b", "version-label": b"v\x1b[1m\xff", "X-New": b"",
               "Next-Poll-Interval-In-Seconds": None}  # fmt: skip
    appconfig.fail(GET, WithFields(hostile))
    client.get(token)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.some(1)
    assert b"\r\nContent-Type: a\x00b\r\n" in head
    assert b"\r\nversion-label: v\x1b[1m\xff\r\n" in head
    assert b"\r\nX-New: \r\n" in head
    assert head.lower().count(b"version-label") == head.lower().count(b"content-type") == 1
    assert b"Next-Poll-Interval" not in head
    assert b"Next-Poll-Configuration-Token: " in head


def test_a_kept_connection_may_close_while_idle(appconfig, client):
    appconfig.fail(START, AnswerAndClose())
    assert client.start().answer()[0] == 201
    assert client.everything() == b""
    with Client(appconfig) as other:
        other.token()
        appconfig.drop_connections()
        assert other.everything() == b""


def test_many_calls_run_at_once_and_the_peak_is_known(appconfig):
    appconfig.fail_always(START, Hang())
    clients = [Client(appconfig) for _ in range(50)]
    for each in clients:
        each.start()
    appconfig.wait_for(START, 50)
    appconfig.release()
    assert {each.answer()[0] for each in clients} == {201}
    assert (appconfig.peak_concurrency, appconfig.connections) == (50, 50)
    for each in clients:
        each.socket.close()
