"""Whom a browser's page may have meant: Host, whoever asks and however often."""

import socket

import pytest
from conftest import FLAGS
from program import FEATURES
from scene import EchoHandler, new_lane, read_replies

from fastext.hosts import Hosts
from fastext.response import Date

HOSTS = Hosts(("agent.internal", "Shop.Example.:2772"))


@pytest.mark.parametrize(
    "host",
    [b"localhost", b"LocalHost:2772", b"localhost.", b"127.0.0.1:1", b"10.0.0.7", b"[::1]:2772",
     b"[fd00::1]", b"agent.internal", b"AGENT.internal:80", b"shop.example"],
)  # fmt: skip
def test_localhost_addresses_and_given_names_are_served(host):
    assert HOSTS.allowed(host)


@pytest.mark.parametrize(
    "host",
    [b"rebound.example", b"localhost.rebound.example", b"rebound.example:2772",
     b"127.0.0.1.example", b"127.1", b"0x7f000001", b"2130706433", b"internal",
     b"x.agent.internal", b"[::1].example",
     b"[rebound.example]", b"\xff"],
)  # fmt: skip
def test_other_names_are_not(host):
    assert not HOSTS.allowed(host)


@pytest.mark.parametrize(
    ("target", "fields", "served"),
    [(b"/a", [(b"host", b"localhost")], True), (b"/a", [(b"host", b"rebound.example")], False),
     (b"/a", [], True), (b"/a", [(b"x-host", b"rebound.example")], True),
     (b"http://localhost:1/a", [(b"host", b"localhost")], True),
     (b"http://rebound.example/a", [(b"host", b"localhost")], False),
     (b"http://localhost@rebound.example?a", [(b"host", b"localhost")], False),
     (b"http://localhost/a", [(b"host", b"rebound.example")], True),
     (b"http:///a", [(b"host", b"rebound.example")], False),
     (b"*", [(b"host", b"rebound.example")], False)],
)  # fmt: skip
def test_the_host_of_the_field_and_of_the_target_count(target, fields, served):
    assert HOSTS.serves(target, fields) is served


def request(host, target=FEATURES, close=True):
    connection = "close" if close else "keep-alive"
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: {connection}\r\n\r\n".encode()


def test_the_lane_looks_at_a_host_once_and_keeps_no_refusal():
    asked = []

    def allowed(host):
        asked.append(host)
        return host == b"localhost:1"

    lane = new_lane(EchoHandler(None), Date(), allowed)
    for _ in range(5):
        assert lane.answer(request("localhost:1", "/a"))
        assert lane.answer(request("rebound.example", "/a")) is None
    assert len(lane) == 1
    assert asked.count(b"localhost:1") == 2, "a request is known when it comes a second time"
    assert asked.count(b"rebound.example") == 5


def status_of(program, host, target=FEATURES, times=1):
    """The status of the last of so many equal requests on one connection."""
    with socket.create_connection(("127.0.0.1", program.port), 10) as connection:
        for _ in range(times - 1):
            connection.sendall(request(host, target, close=False))
            assert connection.recv(65536)
        connection.sendall(request(host, target))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return read_replies(answer)[-1][0]


@pytest.mark.parametrize("level", ["info", "debug"])  # with the fast lane and without
def test_the_agent_refuses_who_means_another(start, appconfig, level):
    program = start(
        AWS_ENDPOINT_URL=appconfig.url, LOG_LEVEL=level, FASTEXT_ALLOWED_HOSTS="agent, b.internal"
    )
    program.wait_serving()
    assert status_of(program, "rebound.example") == 421
    assert appconfig.calls == [], "nor is anything retrieved for it"
    for host in (f"localhost:{program.port}", "127.0.0.1", "[::1]:1", "agent:2772", "B.internal"):
        assert status_of(program, host, times=4) == 200, host
    for target in (FEATURES, "/ping", "/status", "/nothing"):
        assert status_of(program, "rebound.example", target, times=4) == 421, target
    refused = program.get(Host="rebound.example")
    assert b"FASTEXT_ALLOWED_HOSTS" in refused.content
    assert FLAGS not in refused.content


def test_the_name_that_is_listened_on_is_served_and_all_is_none(start, appconfig):
    program = start(AWS_ENDPOINT_URL=appconfig.url, HTTP_HOST="localhost.localdomain")
    try:
        socket.getaddrinfo("localhost.localdomain", None)
    except OSError:
        program = start(AWS_ENDPOINT_URL=appconfig.url, HTTP_HOST=socket.gethostname())
        own = socket.gethostname()
    else:
        own = "localhost.localdomain"
    program.wait_for_log("serving on ")
    with socket.create_connection((own, program.port), 10) as connection:
        connection.sendall(request(own, "/ping"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    everywhere = start(AWS_ENDPOINT_URL=appconfig.url, HTTP_HOST="all")
    everywhere.wait_for_log("serving on ")
    assert status_of(everywhere, "all") == 421


def test_local_mode_is_guarded_too(start, tmp_path):
    (tmp_path / "shop:production:features.json").write_bytes(FLAGS)
    program = start(LOCAL_DEVELOPMENT_DIRECTORY=str(tmp_path)).wait_serving()
    assert status_of(program, "localhost") == 200
    assert status_of(program, "rebound.example") == 421


def test_in_lambda_and_with_a_token_any_host_is_served(start, appconfig, lambda_api):
    program = start(AWS_ENDPOINT_URL=appconfig.url, AWS_LAMBDA_RUNTIME_API=lambda_api.address)
    lambda_api.wait_next(1)
    assert status_of(program, "sandbox.localdomain") == 200
    program = start(AWS_ENDPOINT_URL=appconfig.url, ACCESS_TOKEN="t0ken").wait_serving()
    assert program.get(Host="agent", Authorization="Bearer t0ken").status == 200
    assert program.get(Host="agent").status == 401
