"""Freeze and thaw: the process stopped as Lambda stops a sandbox, its wall clock an hour on."""

import signal
from pathlib import Path

import pytest
from fakes.appconfig import GET, START
from fakes.faults import Status
from program import FEATURES

HOUR_S = 3600
KEY = ("shop", "production", "features")
NAME = ":".join(KEY)
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)

pytestmark = pytest.mark.skipif(
    LIBRARY is None, reason="NO libfaketime; `make test` installs it as root"
)


@pytest.fixture(params=["direct", "botocore"])
def sandbox(request, start, appconfig, lambda_api, tmp_path):
    """An extension that has answered one invocation, and a way to freeze it for some seconds."""
    clock = tmp_path / "clock"
    clock.write_text("+0")
    program = start(
        AWS_LAMBDA_RUNTIME_API=lambda_api.address,
        AWS_ENDPOINT_URL=appconfig.url,
        FASTEXT_DATA_CLIENT=request.param,
        PREFETCH_LIST=NAME,
        LD_PRELOAD=str(LIBRARY),
        FAKETIME_TIMESTAMP_FILE=str(clock),
        FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    ).wait_serving()
    lambda_api.wait_next(1)
    assert program.get().status == 200

    def freeze(seconds):
        program.process.send_signal(signal.SIGSTOP)
        appconfig.drop_connections()
        appconfig.deploy(*KEY, b'{"thawed":{"enabled":true}}')
        clock.write_text(f"+{seconds}" if seconds >= 0 else str(seconds))
        program.process.send_signal(signal.SIGCONT)

    program.freeze = freeze
    return program


def test_after_an_hour_the_first_read_is_from_the_cache_and_invoke_refreshes_once(
    sandbox, appconfig, lambda_api
):
    before = sandbox.get(FEATURES)
    sandbox.freeze(HOUR_S)
    thawed = sandbox.get(FEATURES)
    assert (thawed.status, thawed.content) == (200, before.content)
    assert int(thawed.fields["age"]) >= HOUR_S
    assert (appconfig.count(START), appconfig.count(GET)) == (1, 1)
    lambda_api.invoke()
    lambda_api.wait_next(2)
    sandbox.wait_for_log(f"updated cache data for '{NAME}'")
    reply = sandbox.get(FEATURES)
    assert reply.content == b'{"thawed":{"enabled":true}}'
    assert int(reply.fields["age"]) < HOUR_S
    # The pooled connection was dead: one silent retry, and nothing is asked for twice.
    assert (appconfig.count(START), appconfig.count(GET)) == (1, 2)
    assert "ERROR" not in sandbox.log
    assert "WARN" not in sandbox.log


def test_a_clock_that_was_set_back_makes_nothing_older_or_younger_than_it_is(
    sandbox, appconfig, lambda_api
):
    sandbox.freeze(-HOUR_S)
    thawed = sandbox.get(FEATURES)
    assert 0 <= int(thawed.fields["age"]) < HOUR_S
    lambda_api.invoke()
    lambda_api.wait_next(2)
    assert (appconfig.count(START), appconfig.count(GET)) == (1, 1)
    assert sandbox.get(FEATURES).status == 200


def test_keys_of_the_environment_that_have_expired_are_one_error_and_the_cache_is_served_on(
    sandbox, appconfig, lambda_api
):
    before = sandbox.get(FEATURES)
    for operation in START, GET:
        appconfig.fail_always(operation, Status(403, "ExpiredTokenException"))
    sandbox.freeze(HOUR_S)
    lambda_api.invoke()
    sandbox.wait_for_log("ERROR retrieve failure for .*ExpiredToken")
    lambda_api.wait_next(2)
    lambda_api.invoke("the next one")
    lambda_api.wait_next(3)
    reply = sandbox.get(FEATURES)
    assert (reply.status, reply.content) == (200, before.content)
    assert reply.fields["fastext-stale"] == "AccessDenied"
    assert sandbox.log.count("ERROR") == 1
