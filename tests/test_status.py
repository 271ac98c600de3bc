"""`/status` of a running process, and what it never tells."""

import json

from fakes.appconfig import GET
from fakes.faults import Status

NAME = "shop:production:features"


def status_of(program):
    reply = program.get("/status")
    assert reply.status == 200
    assert reply.fields["cache-control"] == "no-store"
    return json.loads(reply.content)


def test_it_tells_every_configuration_the_calls_and_the_start(start, appconfig, lambda_api):
    appconfig.next_poll_interval_s = 0
    program = start(
        AWS_LAMBDA_RUNTIME_API=lambda_api.address,
        AWS_ENDPOINT_URL=appconfig.url,
        PREFETCH_LIST=NAME,
        POLL_INTERVAL_SECONDS="1us",
        LOG_LEVEL="info",
    )
    lambda_api.wait_next(1)
    told = status_of(program)
    (state,) = told["configurations"]
    assert {name: state[name] for name in ("application", "environment", "configuration",
                                           "version", "versionLabel", "source", "stale",
                                           "lastError")} == {
        "application": "shop", "environment": "production", "configuration": "features",
        "version": 1, "versionLabel": "v1", "source": "service", "stale": None, "lastError": None,
    }  # fmt: skip
    assert told["calls"] == {"sessions": 1, "gets": 1, "configurationsReceived": 1,
                             "estimatedDollars": 0.0008004}  # fmt: skip
    assert told["dataClient"] == "direct"
    phases = told["startMilliseconds"]
    assert phases["registered"] < phases["serving"] <= phases["started"]
    appconfig.fail_always(GET, Status(403, "AccessDeniedException"))
    lambda_api.invoke()
    program.wait_for_log("retrieve failure")
    (state,) = status_of(program)["configurations"]
    assert state["stale"] == "AccessDenied"
    assert "AccessDeniedException" in state["lastError"]["message"]
    assert state["lastError"]["secondsAgo"] >= 0
    lambda_api.shutdown()
    assert program.wait() == 0
    assert "INFO SHUTDOWN: 1 sessions, 2 gets, 1 configurations received, about $0.0008" in (
        program.log
    )


def test_secrets_are_not_told(start, appconfig):
    program = start(
        AWS_ENDPOINT_URL=appconfig.url,
        AWS_SECRET_ACCESS_KEY="canary-secret",
        AWS_SESSION_TOKEN="canary-token",
        ROLE_EXTERNAL_ID="canary-id",
        PROXY_HEADERS="x-proxy: canary-proxy",
    )
    program.wait_serving()
    program.get()
    assert "canary" not in json.dumps(status_of(program))


def test_wrong_names_are_told_with_their_fault_and_the_cap_with_its_variable(start, appconfig):
    program = start(AWS_ENDPOINT_URL=appconfig.url, FASTEXT_MAX_CONFIGURATIONS="1")
    program.wait_serving()
    assert program.get().status == 200
    over = program.get("/applications/a/environments/b/configurations/c")
    assert over.status == 503
    assert "FASTEXT_MAX_CONFIGURATIONS" in json.loads(over.content)["Message"]
