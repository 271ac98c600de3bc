"""Freeze and thaw of the real process: SIGSTOP, SIGCONT, and a wall clock that has moved on."""

import http.client
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from conftest import FLAGS
from fakes.answers import json_answer
from fakes.appconfig import GET, START
from fakes.faults import Gate, Status
from fakes.loopback import Loopback
from fakes.sts import FakeSts
from frozen import Sandbox
from matrix import row
from program import FEATURES

NAME = "shop:production:features"
CHANGED = b'{"dark_mode":{"enabled":false}}'
UPDATED = f"updated cache data for '{NAME}'"
HOUR_S = 3600


@pytest.fixture
def sandbox(tmp_path):
    return Sandbox(tmp_path)


@pytest.fixture
def frozen(start, appconfig, lambda_api, sandbox):
    """Starts an extension that has prefetched, and waits in next for the first time."""

    def started(**variables):
        program = start(
            AWS_LAMBDA_RUNTIME_API=lambda_api.address,
            AWS_ENDPOINT_URL_APPCONFIGDATA=appconfig.url,
            PREFETCH_LIST=NAME,
            LOG_LEVEL="info",
            **(sandbox.variables() | variables),
        )
        lambda_api.wait_next(1)
        assert program.get().content == FLAGS
        return program

    return started


def trouble(program):
    """What is wrong; on a machine that is busy the prefetch may be late."""
    return [
        line
        for line in program.log.splitlines()
        if (" ERROR " in line or " WARN " in line) and "are not prefetched within" not in line
    ]


@pytest.mark.parametrize("client", ["direct", "botocore"])
@row("frozen for 1 h")
def test_after_an_hour(frozen, sandbox, appconfig, lambda_api, client, row):
    program = frozen(FASTEXT_DATA_CLIENT=client)
    kept = http.client.HTTPConnection("127.0.0.1", program.port, timeout=20)
    kept.request("GET", FEATURES)
    assert kept.getresponse().read() == FLAGS
    appconfig.deploy("shop", "production", "features", CHANGED)
    sandbox.stop(program)
    appconfig.drop_connections()
    sandbox.thaw(program, HOUR_S)

    kept.request("GET", FEATURES)  # a caller's connection has been frozen with it
    answer = kept.getresponse()
    assert answer.read() == FLAGS
    assert HOUR_S <= int(answer.headers["Age"]) < HOUR_S + 60
    assert row["cached"] == "200 old, then new"
    kept.close()
    assert appconfig.count(GET) == 1, "nothing is asked for before the INVOKE"

    lambda_api.invoke()
    program.wait_for_log(UPDATED)
    assert program.get().content == CHANGED
    assert int(program.get().fields["age"]) < 60
    for count in (3, 4):
        lambda_api.invoke()
        lambda_api.wait_next(count)
    assert (appconfig.count(START), appconfig.count(GET)) == (1, 2), "nothing is polled twice"
    assert trouble(program) == []


def test_an_invocation_that_came_while_frozen_refreshes_at_the_thaw(
    frozen, sandbox, appconfig, lambda_api
):
    program = frozen()
    appconfig.deploy("shop", "production", "features", CHANGED)
    gate = threading.Event()
    appconfig.fail(GET, Gate(gate))
    sandbox.stop(program)
    lambda_api.invoke()
    sandbox.thaw(program, HOUR_S)
    appconfig.wait_for(GET, 2)
    assert program.get().content == FLAGS, "reads do not wait for the refresh"
    gate.set()
    lambda_api.wait_next(2)
    program.wait_for_log(UPDATED)
    assert program.get().content == CHANGED
    assert appconfig.count(GET) == 2


@pytest.mark.parametrize("client", ["direct", "botocore"])
@row("frozen for 1 h, connections dead")
def test_dead_connections_cost_nothing(frozen, sandbox, appconfig, lambda_api, client, row):
    """Idle for a moment only by both clocks, so that it is used again, and found dead."""
    appconfig.next_poll_interval_s = 0
    program = frozen(FASTEXT_DATA_CLIENT=client, POLL_INTERVAL_SECONDS="1us")
    sandbox.stop(program)
    appconfig.drop_connections()
    appconfig.deploy("shop", "production", "features", CHANGED)
    sandbox.thaw(program, 1)
    lambda_api.invoke()
    program.wait_for_log(UPDATED)
    assert program.get().content == CHANGED
    assert appconfig.connections == 2
    assert appconfig.count(START) == 1
    assert row["log"] == "—"
    assert trouble(program) == []


@pytest.mark.parametrize("both_clocks", [False, True])
@pytest.mark.parametrize("client", ["direct", "botocore"])
@row("frozen in the middle of a poll")
def test_a_poll_that_was_frozen(frozen, sandbox, appconfig, lambda_api, client, both_clocks, row):
    """The monotonic clock stands still in a frozen sandbox, or it does not."""
    appconfig.next_poll_interval_s = 0
    monotonic = {"FAKETIME_DONT_FAKE_MONOTONIC": "0"} if both_clocks else {}
    program = frozen(POLL_INTERVAL_SECONDS="1us", FASTEXT_DATA_CLIENT=client, **monotonic)
    gate = threading.Event()
    appconfig.fail(GET, Gate(gate))
    lambda_api.invoke()
    appconfig.wait_for(GET, 2)
    sandbox.stop(program)
    appconfig.drop_connections()
    appconfig.deploy("shop", "production", "features", CHANGED)
    gate.set()
    sandbox.thaw(program, HOUR_S)
    assert program.get().content in (FLAGS, CHANGED)
    lambda_api.wait_next(2)
    lambda_api.invoke()
    program.wait_for_log(UPDATED)
    assert program.get().content == CHANGED
    assert row["cached"] == "200 old, then new"
    assert row["log"] == "—"
    assert trouble(program) == []


@pytest.mark.parametrize("client", ["direct", "botocore"])
@row("clock set forward by 1 h")
def test_a_clock_that_jumps_forward(frozen, sandbox, appconfig, lambda_api, client, row):
    assert row["asked again"] == "once at INVOKE"
    assert jump(frozen, sandbox, lambda_api, appconfig, client, HOUR_S) == 1


@pytest.mark.parametrize("client", ["direct", "botocore"])
@row("clock set back by 1 h")
def test_a_clock_that_jumps_back(frozen, sandbox, appconfig, lambda_api, client, row):
    assert row["asked again"] == "45 s after the last poll"
    assert jump(frozen, sandbox, lambda_api, appconfig, client, -HOUR_S) == 0


def jump(frozen, sandbox, lambda_api, appconfig, client, seconds):
    """The number of polls that three invocations after the jump lead to."""
    program = frozen(FASTEXT_DATA_CLIENT=client)
    sandbox.set_clock(seconds)
    for count in (2, 3, 4):
        lambda_api.invoke()
        lambda_api.wait_next(count)
    assert 0 <= int(program.get().fields["age"]) < 45
    assert trouble(program) == []
    return appconfig.count(GET) - 1


# ---------------------------------------------------------------- credentials


class Container:
    """The endpoint that gives credentials to a container; each answer has others."""

    def __init__(self, clock, life_s):
        self.asked = []  # the Authorization fields
        self._clock, self._life_s = clock, life_s
        self._server = Loopback(self._serve)
        self.url = f"http://127.0.0.1:{self._server.port}/credentials"

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop()

    def _serve(self, request, connection):
        self.asked.append(request.fields.get("authorization"))
        end = datetime.fromtimestamp(time.time(), UTC) + timedelta(
            seconds=self._clock.seconds + self._life_s
        )
        answer = {
            "AccessKeyId": f"ASIA{len(self.asked)}",
            "SecretAccessKey": "s",
            "Token": "t",
            "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        connection.send(json_answer(200, answer))


NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}


@pytest.mark.parametrize("client", ["direct", "botocore"])
@pytest.mark.parametrize("refused", [False, True], ids=["by their date", "by the service"])
def test_credentials_of_a_container_are_read_again(
    frozen, sandbox, appconfig, lambda_api, tmp_path, client, refused
):
    token = tmp_path / "token"
    token.write_text("first")
    with Container(sandbox, 24 * HOUR_S if refused else HOUR_S) as container:
        program = frozen(
            **NO_KEYS,
            FASTEXT_DATA_CLIENT=client,
            AWS_CONTAINER_CREDENTIALS_FULL_URI=container.url,
            AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(token),
        )
        sandbox.stop(program)
        token.write_text("second")
        appconfig.expired_access_keys.add("ASIA1")
        appconfig.deploy("shop", "production", "features", CHANGED)
        sandbox.thaw(program, 2 * HOUR_S)
        assert program.get().content == FLAGS
        lambda_api.invoke()
        program.wait_for_log(UPDATED)
        assert program.get().content == CHANGED
        assert appconfig.calls[-1].access_key == "ASIA2"
        assert container.asked == ["first", "second"]
        assert trouble(program) == []


def test_a_role_is_assumed_again(frozen, sandbox, appconfig, lambda_api):
    with FakeSts(HOUR_S) as sts:
        program = frozen(
            ROLE_ARN="arn:aws:iam::123456789012:role/reader", AWS_ENDPOINT_URL_STS=sts.url
        )
        sandbox.stop(program)
        sts.life_s = 3 * HOUR_S  # an hour by the program's clock, which will be two ahead
        appconfig.expired_access_keys.add("ASIA1")
        appconfig.deploy("shop", "production", "features", CHANGED)
        sandbox.thaw(program, 2 * HOUR_S)
        assert program.get().content == FLAGS
        lambda_api.invoke()
        program.wait_for_log(UPDATED)
        assert program.get().content == CHANGED
        assert appconfig.calls[-1].access_key == "ASIA2"
        assert trouble(program) == []


@pytest.mark.parametrize("client", ["direct", "botocore"])
@row("403 credentials expired")
def test_keys_of_the_environment_that_expire(frozen, sandbox, appconfig, lambda_api, client, row):
    program = frozen(FASTEXT_DATA_CLIENT=client)
    appconfig.fail_always(GET, Status(403, "ExpiredTokenException"))
    sandbox.stop(program)
    sandbox.thaw(program, HOUR_S)
    for count in (2, 3):
        lambda_api.invoke()
        lambda_api.wait_next(count)
    sandbox.set_clock(HOUR_S)
    lambda_api.invoke()
    lambda_api.wait_next(4)
    program.wait_for_log(" WARN ")
    assert appconfig.count(GET) == 3
    reply = program.get()
    assert reply.content == FLAGS
    assert reply.fields["fastext-stale"] == "AccessDenied"
    error, warning = trouble(program)
    assert "ERROR" in error
    assert "ExpiredToken" in error
    assert "WARN" in warning
    assert row["log"] == "ERROR `ExpiredToken`, then WARN"
    assert row["cached"] == "200 old `AccessDenied`"
