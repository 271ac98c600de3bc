"""The failure matrix of docs/behaviour.md, cell by cell, with both clients.

Rows are what goes wrong, columns what is known when it does. The table there and the one here are
held against each other, so that neither can say what the other does not.
"""

import re

import pytest
from fakes.appconfig import GET, START, FakeAppConfig
from fakes.data_service import bad_token
from fakes.faults import CutHead, Garbage, Hang, HangAfter, Raw, Reset, Status, Truncate
from program import Program
from waiting import until

from dev.service import ROOT, free_port

CONTENT = b'{"dark":{"enabled":true}}'

# What goes wrong: the fault, the status where nothing is known, what makes a known one stale.
EVENTS = {
    "connection reset": (Reset(), 502, "Unavailable"),
    "no answer": (Hang(), 504, "TimedOut"),
    "answer stops in its head": (HangAfter(20), 504, "TimedOut"),
    "answer stops in its body": (HangAfter(3, "body"), 504, "TimedOut"),
    "head cut off": (CutHead(), 502, "Unavailable or TokenRejected"),
    "body cut off": (Truncate(2), 502, "Unavailable or TokenRejected"),
    "garbage instead of HTTP": (Garbage(), 502, "Unavailable"),
    "400, token expired or used, again and again": (
        Raw(bad_token("Expired", "no")), 502, "TokenRejected",
    ),
    "400 without a reason, again and again": (
        Status(400, "BadRequestException"), 502, "TokenRejected",
    ),
    "403": (Status(403, "AccessDeniedException"), 403, "AccessDenied"),
    "404": (Status(404, "ResourceNotFoundException"), 404, "NotFound"),
    "429": (Status(429, "ThrottlingException"), 429, "Throttled"),
    "500": (Status(500), 502, "Unavailable"),
    "503": (Status(503), 502, "Unavailable"),
}  # fmt: skip

CLIENTS = ["direct", "botocore"]


class World:
    """A service and an agent, with a configuration for each cell."""

    def __init__(self, client):
        self.service = FakeAppConfig()
        self.service.__enter__()
        self.service.next_poll_interval_s = 0
        self.program = Program(
            [],
            {
                "AWS_ENDPOINT_URL": self.service.url,
                "FASTEXT_DATA_CLIENT": client,
                "POLL_INTERVAL_SECONDS": "100ms",
                "POLL_TIMEOUT_MILLIS": "1500",
                "MAX_CONNECTIONS": "24",
            },
        ).wait_serving()

    def close(self):
        self.program.stop()
        self.service.release()
        self.service.__exit__()

    def cell(self, *parts):
        """The key of a cell's configuration, deployed."""
        key = ("matrix", "test", re.sub(r"\W+", "-", "-".join(parts)))
        self.service.deploy(*key, CONTENT)
        return key

    def get(self, key):
        return self.program.get("/applications/{}/environments/{}/configurations/{}".format(*key))


@pytest.fixture(scope="module", params=CLIENTS)
def world(request):
    world = World(request.param)
    yield world
    world.close()


@pytest.mark.parametrize("operation", [START, GET])
@pytest.mark.parametrize("event", EVENTS)
def test_nothing_known(world, event, operation):
    fault, status, _ = EVENTS[event]
    if operation == START and event.startswith("400"):
        status = 400  # no token is sent, so it is the names that are refused
    key = world.cell("cold", event, operation)
    world.service.fail_always(operation, fault, key)
    reply = world.get(key)
    assert reply.status == status, reply.content
    assert ":".join(key).encode() in reply.content
    world.program.wait_for_log(f"ERROR retrieve failure for '{':'.join(key)}': .*retry on request")


@pytest.mark.parametrize("event", EVENTS)
def test_cached(world, event):
    fault, _, stale = EVENTS[event]
    key = world.cell("cached", event)
    until(lambda: world.get(key).content == CONTENT)
    world.service.fail_always(GET, fault, key)
    world.service.deploy(*key, b'{"new":{"enabled":true}}')  # of which no part may be seen
    replies = []
    until(lambda: replies.append(world.get(key)) or "fastext-stale" in replies[-1].fields)
    assert {reply.content for reply in replies} == {CONTENT}
    reply = replies[-1]
    assert reply.status == 200
    assert reply.fields["fastext-stale"] in stale.split(" or ")
    world.program.wait_for_log(f"ERROR retrieve failure for '{':'.join(key)}': .*retry in ")
    world.service.heal()
    world.service.release()


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "does-not-exist.invalid"])
def test_nothing_known_and_no_connection(start, host, client):
    program = start(
        AWS_ENDPOINT_URL=f"http://{host.format(port=free_port())}", FASTEXT_DATA_CLIENT=client
    ).wait_serving()
    assert program.get().status == 502


def test_the_table_says_what_is_tested():
    text = (ROOT / "docs" / "behaviour.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \| (\d{3}) \| 200, `Fastext-Stale: ([\w ]+)` \|", text, re.M)
    said = {event: (int(status), stale) for event, status, stale in rows}
    tested = {event: (status, stale) for event, (_, status, stale) in EVENTS.items()}
    assert said == tested
