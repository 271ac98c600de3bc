"""The access token, and who can reach the server at all."""

import json
import re
import socket

import pytest
from conftest import FLAGS
from program import FEATURES

from fastext.access import Access

TOKEN = "s3cret token, with spaces"


@pytest.mark.parametrize(
    ("fields", "granted"),
    [
        ([(b"authorization", b"Bearer t0ken")], True),
        ([(b"host", b"x"), (b"authorization", b"bearer   t0ken")], True),
        ([], False),
        ([(b"authorization", b"Bearer t0ke")], False),
        ([(b"authorization", b"Bearer t0ken2")], False),
        ([(b"authorization", b"Bearer")], False),
        ([(b"authorization", b"")], False),
        ([(b"authorization", b"t0ken")], False),
        ([(b"authorization", b"Basic t0ken")], False),
        ([(b"authorization", b"Bearer t0ken"), (b"authorization", b"Bearer t0ken")], False),
        ([(b"x-authorization", b"Bearer t0ken")], False),
        ([(b"authorization", b"Bearer \xff")], False),
    ],
)
def test_the_token_is_granted_alone(fields, granted):
    assert Access("t0ken").granted(fields) is granted


def test_a_token_may_be_any_text():
    assert Access("tökén").granted([(b"authorization", "Bearer tökén".encode())])


# ---------------------------------------------------------------- the process


@pytest.fixture(params=["debug", "info"])
def program(request, start, appconfig):
    started = start(
        AWS_ENDPOINT_URL=appconfig.url, ACCESS_TOKEN=TOKEN, LOG_LEVEL=request.param,
    )  # fmt: skip
    return started.wait_serving()


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_nothing_but_the_health_check_is_answered_without_the_token(program, appconfig):
    for _ in range(3):  # the same bytes again and again
        for target in (
            FEATURES,
            f"{FEATURES}?flag=dark_mode",
            "/",
            "/status",
            "/pingpong",
            "/ping/x",
        ):
            for fields in ({}, bearer("wrong"), bearer(""), bearer(TOKEN[:-1])):
                reply = program.get(target, **fields)
                assert reply.status == 401, (target, fields)
                assert reply.fields["www-authenticate"] == "Bearer"
                assert json.loads(reply.content) == {
                    "Message": "the access token is missing or wrong"
                }
            assert program.request(target, "POST").status == 401
        assert program.get("/ping").status == program.get("/ping?x").status == 200
    assert appconfig.calls == []
    for _ in range(3):
        assert program.get(FEATURES, **bearer(TOKEN)).content == FLAGS
        assert program.get(FEATURES).status == 401, "also when it is cached"
        assert program.get(FEATURES, **bearer("wrong")).status == 401
    assert TOKEN not in program.log


def test_each_request_of_a_connection_needs_the_token(program):
    authorized = (
        f"GET {FEATURES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
    )
    bare = f"GET {FEATURES} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    last = f"GET {FEATURES} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", program.port), 10) as connection:
        connection.sendall(authorized + bare + authorized + last)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    statuses = re.findall(rb"HTTP/1\.1 (\d+)", answer)
    assert statuses == [b"200", b"401", b"200", b"401"]


# ---------------------------------------------------------------- where it listens


def reaches(program, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(5)
        return probe.connect_ex((address, program.port)) == 0


def own_address():
    """An address of this machine that is not its loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no network")
        return probe.getsockname()[0]


WIDE = "WARN whoever reaches port"


def test_by_default_it_listens_on_the_loopback(start, appconfig):
    program = start(AWS_ENDPOINT_URL=appconfig.url).wait_serving()
    assert reaches(program, "127.0.0.1")
    assert not reaches(program, own_address())
    assert WIDE not in program.log


@pytest.mark.parametrize(
    "variables",
    [
        {"HTTP_HOST": "ALL"},
        {"AWS_ECS": "ECS_CONTAINER_METADATA_URI_V4"},
        {"AWS_K8S": "KUBERNETES_SERVICE_HOST"},
    ],
)
def test_in_containers_or_if_asked_for_it_listens_everywhere(
    start, appconfig, monkeypatch, variables
):
    for name in ("AWS_ECS", "AWS_K8S"):
        if name in variables:
            monkeypatch.setenv(variables[name], "x")
    asked = {"HTTP_HOST": variables["HTTP_HOST"]} if "HTTP_HOST" in variables else {}
    program = start(AWS_ENDPOINT_URL=appconfig.url, **asked)
    program.wait_for_log(rf"serving on 0\.0\.0\.0:{program.port}")
    assert reaches(program, "127.0.0.1")
    assert reaches(program, own_address())
    program.wait_for_log(f"{WIDE} {program.port}")


def test_with_a_token_listening_everywhere_is_no_reason_to_warn(start, appconfig):
    program = start(AWS_ENDPOINT_URL=appconfig.url, HTTP_HOST="all", ACCESS_TOKEN=TOKEN)
    program.wait_for_log(r"serving on 0\.0\.0\.0")
    assert program.get("/ping").status == 200
    assert WIDE not in program.log


def test_in_lambda_the_variables_of_containers_mean_nothing(
    start, appconfig, lambda_api, monkeypatch
):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "x")
    monkeypatch.setenv("ACCESS_TOKEN", "the function's")
    monkeypatch.setenv("HTTP_HOST", "all")
    program = start(AWS_ENDPOINT_URL=appconfig.url, AWS_LAMBDA_RUNTIME_API=lambda_api.address)
    lambda_api.wait_next(1)
    assert program.get().status == 200
    assert not reaches(program, own_address())


def test_an_address_or_a_name_can_be_given(start, appconfig):
    address = own_address()
    program = start(AWS_ENDPOINT_URL=appconfig.url, HTTP_HOST=address)
    program.wait_for_log(f"serving on {address}:{program.port}")
    assert reaches(program, address)
    assert not reaches(program, "127.0.0.1")
    program = start(AWS_ENDPOINT_URL=appconfig.url, HTTP_HOST="::1")
    program.wait_for_log(rf"serving on \[::1\]:{program.port}")
    assert reaches(program, "::1")
    program = start(AWS_ENDPOINT_URL=appconfig.url, HTTP_HOST="127.0.0.2")
    program.wait_for_log("serving on 127.0.0.2")
    assert WIDE not in program.log


def test_a_host_that_is_none_ends_the_agent_with_the_reason(start):
    program = start(HTTP_HOST="no.such.host.invalid")
    assert program.wait() == 1
    program.wait_for_log("ERROR cannot listen on 'no.such.host.invalid': .*HTTP_HOST")
