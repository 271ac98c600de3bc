"""Faults that nobody foresaw: any function of the program raises, and the function is not harmed.

The process runs with `fallible/sitecustomize.py`, by which a test says what fails, and when.
"""

import http.client
import json
import os
from pathlib import Path

import pytest
from conftest import FLAGS
from fakes.appconfig import GET
from program import FEATURES
from waiting import until

KEY = ("shop", "production", "features")
FALLIBLE = str(Path(__file__).with_name("fallible"))
GARBAGE = b"garbage\r\n\r\n"

# What a read goes through that the fast lane has no reply for: where these fail, it fails.
ON_THE_WAY = {"clock", "freshness", "handler", "listener", "patience", "protocol", "request",
              "response"}  # fmt: skip


class Failing:
    """The file that names the function that fails."""

    def __init__(self, path):
        self.path = path
        self.set("")

    def set(self, name):
        beside = self.path.with_suffix(".new")
        beside.write_text(name)
        os.replace(beside, self.path)

    def names(self):
        """Every public function and method of the program, once it has been started."""
        names = Path(f"{self.path}.names").read_text().splitlines()
        return [name for name in names if "._" not in name and ":_" not in name]


@pytest.fixture
def failing(tmp_path):
    return Failing(tmp_path / "failing")


@pytest.fixture
def extension(start, appconfig, lambda_api, failing):
    def extension(**variables):
        return start(
            AWS_LAMBDA_RUNTIME_API=lambda_api.address,
            AWS_ENDPOINT_URL=appconfig.url,
            PREFETCH_LIST=":".join(KEY),
            POLL_INTERVAL_SECONDS="1us",
            LOG_LEVEL="info",
            PYTHONPATH=FALLIBLE,
            FASTEXT_TEST_FAILING=str(failing.path),
            **variables,
        )

    return extension


def read(program, **fields):
    """The status of a read, or None where the connection is closed; and whether it is right."""
    try:
        reply = program.get(**fields)
    except (http.client.RemoteDisconnected, ConnectionResetError):
        return None
    assert reply.status != 200 or reply.content.startswith(FLAGS[:-1])
    return reply.status


@pytest.mark.parametrize("client", ["direct", "botocore"])
def test_whatever_fails_events_are_followed_and_cached_reads_are_answered(
    extension, failing, appconfig, lambda_api, client
):
    appconfig.next_poll_interval_s = 0
    program = extension(FASTEXT_DATA_CLIENT=client)
    events = 1
    lambda_api.wait_next(events)
    assert read(program) == read(program) == 200
    names = failing.names()
    assert len(names) > 100
    for number, name in enumerate(names):
        if name == "extensions_api:ExtensionsApi.next":
            continue  # there is no other way to the events
        appconfig.deploy(*KEY, FLAGS[:-1] + b',"n%d":{"enabled":true}}' % number)
        failing.set(name)
        lambda_api.invoke(name)
        lambda_api.answer_next(GARBAGE)
        assert read(program) in (200, None, 500), name
        closing = read(program, Connection="close")
        if name.partition(":")[0] not in ON_THE_WAY:
            assert closing == 200, name
        events += 2
        lambda_api.wait_next(events)
        failing.set("")
        assert read(program) == 200, name
    lambda_api.shutdown()
    assert program.wait() == 0
    assert "Traceback" not in program.log, "one event is one line"


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("settings:Settings.from_env", None),
        ("startup:Start.__init__", None),
        ("startup:listen", None),
        ("startup:register", 500),
        ("head_start:HeadStart.__init__", 500),
        ("logs:new_log", 500),
        ("logs:Log.info", 500),
        ("extension:Extension.__init__", 500),
        ("extension:Extension._settle", 200),
        ("poller:Poller.prefetch", 200),
        ("workers:Workers.submit", 500),
        ("session:ConfigurationSession.poll", 502),
        ("charges:Charges.text", 200),
    ],
)
def test_whatever_fails_at_the_start_events_are_followed_and_requests_answered(
    extension, failing, lambda_api, name, status
):
    failing.set(name)
    program = extension()
    lambda_api.wait_next(1)
    lambda_api.invoke()
    lambda_api.wait_next(2)
    if status is not None:
        reply = program.get(FEATURES)
        assert reply.status == status
        assert status == 200 or json.loads(reply.content)["Message"]
    lambda_api.shutdown()
    assert program.wait() == 0


def test_what_is_left_logs_in_json_where_lambda_wants_that(extension, failing, lambda_api):
    failing.set("extension:Extension.__init__")
    program = extension(AWS_LAMBDA_LOG_FORMAT="JSON")
    lambda_api.wait_next(1)
    lambda_api.shutdown()
    assert program.wait() == 0
    *_, last = [json.loads(line) for line in program.log.splitlines()]
    assert (last["level"], last["logger"]) == ("FATAL", "appconfig agent")
    assert "unforeseen" in last["message"]


def test_what_fails_in_the_last_moment_does_not_keep_the_process(
    extension, failing, appconfig, lambda_api
):
    program = extension()
    lambda_api.wait_next(1)
    failing.set("extension:Extension._farewell")
    lambda_api.shutdown()
    assert program.wait() == 0
    until(lambda: "ERROR the end: RuntimeError: unforeseen" in program.log)
    assert appconfig.count(GET) == 1
