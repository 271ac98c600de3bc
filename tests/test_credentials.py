"""Credentials from the environment and from the container endpoint."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from botocore.credentials import EnvProvider

from fastext.credentials import Container, of_environment, seconds_of
from fastext.deadline import Deadline
from fastext.errors import Unavailable
from fastext.tls import Trust


class Endpoint(HTTPServer):
    """Gives `answer` (a status and an object, or bytes), and keeps what it was asked."""

    def __init__(self):
        self.answer = (200, {"AccessKeyId": "AKIA1", "SecretAccessKey": "s", "Token": "t",
                             "Expiration": "2026-01-01T01:00:00Z"})  # fmt: skip
        self.asked = []
        self.goes_on = threading.Event()
        self.goes_on.set()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.server.asked.append((self.path, self.headers.get("Authorization")))
                self.server.goes_on.wait()
                status, body = self.server.answer
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                """Not on the tests' standard error."""

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def endpoint():
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


START = 1_767_225_600.0  # 2026-01-01T00:00:00Z


class Clock:
    now = START

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def container(endpoint, clock, authorization=lambda: "secret", path="/2021-04-23/credentials"):
    url = ("http", "127.0.0.1", endpoint.server_port, path)
    return Container(url, authorization, Trust(None), clock)


def get(provider):
    return provider.get(Deadline(10))


@pytest.mark.parametrize(
    ("environ", "token"),
    [({"AWS_SESSION_TOKEN": "a", "AWS_SECURITY_TOKEN": "b"}, "b"),
     ({"AWS_SESSION_TOKEN": "a"}, "a"), ({"AWS_SESSION_TOKEN": "a", "AWS_SECURITY_TOKEN": ""}, "a"),
     ({"AWS_SECURITY_TOKEN": "b"}, "b"), ({}, "")],
)  # fmt: skip
def test_the_environment_s_are_whole_or_none(environ, token):
    pair = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s"}
    found = of_environment({**pair, **environ})
    assert (found.access_key, found.secret_key, found.token) == ("AKIA", "s", token)
    assert (EnvProvider({**pair, **environ}).load().token or "") == token
    for name in pair:
        assert of_environment({**pair, name: ""}) is None


def test_they_are_asked_for_with_the_token_and_kept(endpoint, clock):
    provider = container(endpoint, clock)
    found = get(provider)
    assert (found.access_key, found.secret_key, found.token) == ("AKIA1", "s", "t")
    assert found.expires_at == START + 3600
    assert get(provider) is found
    assert endpoint.asked == [("/2021-04-23/credentials", "secret")]


@pytest.mark.parametrize(("path", "asked"), [("", "/"), ("/", "/"), ("/a/", "/a/"), ("/a", "/a")])
def test_the_path_is_asked_for_as_it_is_given(endpoint, clock, path, asked):
    get(container(endpoint, clock, path=path))
    assert endpoint.asked == [(asked, "secret")]


def test_they_are_renewed_before_they_expire(endpoint, clock):
    provider = container(endpoint, clock)
    get(provider)
    clock.now = START + 3600 - 14 * 60
    endpoint.answer[1]["AccessKeyId"] = "AKIA2"
    assert get(provider).access_key == "AKIA2"


def test_where_they_cannot_be_renewed_they_are_used_until_they_expire(endpoint, clock):
    provider = container(endpoint, clock)
    get(provider)
    endpoint.answer = (500, b"")
    clock.now = START + 3600 - 60
    assert get(provider).access_key == "AKIA1"
    clock.now = START + 3601
    with pytest.raises(Unavailable, match=r"no AWS credentials: http://127\.0\.0\.1.* status 500"):
        get(provider)


def test_a_renewal_that_hangs_leaves_time_for_the_call(endpoint, clock):
    provider = container(endpoint, clock)
    get(provider)
    endpoint.goes_on.clear()
    clock.now = START + 3600 - 60
    deadline = Deadline(2)
    try:
        assert provider.get(deadline).access_key == "AKIA1"
        assert deadline.remaining_s() > 0
    finally:
        endpoint.goes_on.set()


def test_refused_ones_are_asked_for_anew(endpoint, clock):
    provider = container(endpoint, clock)
    get(provider)
    provider.refused()
    get(provider)
    assert len(endpoint.asked) == 2


def test_without_an_expiration_they_are_kept(endpoint, clock):
    del endpoint.answer[1]["Expiration"]
    provider = container(endpoint, clock)
    get(provider)
    clock.now += 10**9
    get(provider)
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    "content", [b"", b"no JSON", b"[]", b"[" * 100_000, b"{}", b'{"AccessKeyId": "a"}',
                b'{"AccessKeyId":"a","SecretAccessKey":"canary","Expiration":"never"}',
                b'{"AccessKeyId":5,"SecretAccessKey":"canary"}',
                b'{"AccessKeyId":"a","SecretAccessKey":"canary","Token":["t"]}',
                b'{"AccessKeyId":"a","SecretAccessKey":"canary","Expiration":5}'],
)  # fmt: skip
def test_an_answer_that_cannot_be_read_is_not_shown(endpoint, clock, content):
    endpoint.answer = (200, content)
    with pytest.raises(Unavailable, match="cannot be read") as raised:
        get(container(endpoint, clock))
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize("name", ["AccessKeyId", "SecretAccessKey", "Token"])
def test_what_could_not_be_sent_is_refused_and_asked_for_anew(endpoint, clock, name):
    endpoint.answer[1][name] = "canary\r\nX-Evil: y"
    provider = container(endpoint, clock)
    for _ in range(2):
        with pytest.raises(Unavailable, match="of the AWS credentials holds control") as raised:
            get(provider)
        assert "canary" not in str(raised.value)
    assert len(endpoint.asked) == 2


def test_empty_ones_are_none(endpoint, clock):
    endpoint.answer[1]["SecretAccessKey"] = None
    with pytest.raises(Unavailable, match="no secret key"):
        get(container(endpoint, clock))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2026-01-01T00:00:00Z", START), ("2026-01-01T02:00:00+02:00", START),
     ("2026-01-01T00:00:00.500Z", START + 0.5)],
)  # fmt: skip
def test_dates_are_read_with_their_offset(text, seconds):
    assert seconds_of(text) == seconds


def test_a_date_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        seconds_of("2026-01-01T00:00:00")
