"""What is paid for, as the service sees it."""

import json
import random
import socket
from collections import Counter

import pytest
from conftest import FLAGS
from fakes.appconfig import GET, START
from program import FEATURES
from scene import read_replies

from fastext.charges import Charges, CountedClient
from fastext.deadline import Deadline
from fastext.errors import Unavailable
from fastext.session import Retrieved


class Client:
    def __init__(self, *contents):
        self.contents = list(contents)

    def start_configuration_session(self, key, minimum_interval_s, deadline):
        return "t"

    def get_latest_configuration(self, token, deadline):
        content = self.contents.pop(0)
        if content is None:
            raise Unavailable("no")
        return Retrieved(content, "text/plain", "", "t", 0.0)


def test_requests_and_configurations_received_are_counted():
    charges = Charges()
    client = CountedClient(Client(b"x", b"", None, b"y"), charges)
    assert client.start_configuration_session(("a", "b", "c"), 45, Deadline(1)) == "t"
    assert client.get_latest_configuration("t", Deadline(1)).content == b"x"
    client.get_latest_configuration("t", Deadline(1))
    with pytest.raises(Unavailable):
        client.get_latest_configuration("t", Deadline(1))
    client.get_latest_configuration("t", Deadline(1))
    assert (charges.sessions, charges.gets, charges.received) == (1, 4, 2)
    assert charges.dollars == pytest.approx(5 * 0.0000002 + 2 * 0.0008)
    assert charges.text() == "1 sessions, 4 gets, 2 configurations received, about $0.0016"


# ---------------------------------------------------------------- the process


def statuses_of(program, targets, at_once=50):
    """How often each status was answered, over one connection with requests in a row."""
    counts = Counter()
    with socket.create_connection(("127.0.0.1", program.port), 20) as connection:
        for start in range(0, len(targets), at_once):
            sent = targets[start : start + at_once]
            requests = (f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n" for target in sent)
            connection.sendall("".join(requests).encode())
            answer = b""
            while answer.count(b"HTTP/1.1 ") < len(sent) or not answer.endswith(b"}"):
                answer += connection.recv(65536)
            counts.update(status for status, _, _ in read_replies(answer))
    return counts


def test_ten_thousand_random_paths_cost_a_thousand_sessions_and_no_get(start, appconfig):
    program = start(AWS_ENDPOINT_URL=appconfig.url, LOG_LEVEL="info").wait_serving()
    assert program.get().status == 200
    chance = random.Random(1)
    names = {f"{chance.getrandbits(64):x}" for _ in range(10_000)}
    targets = [
        f"/applications/{name}/environments/e/configurations/{chance.random()}" for name in names
    ]
    counts = statuses_of(program, targets)
    assert counts == {404: 1000, 503: len(names) - 1000}
    assert (appconfig.count(START), appconfig.count(GET)) == (1001, 1)
    assert program.get().content == FLAGS
    calls = json.loads(program.get("/status").content)["calls"]
    assert calls == {"sessions": 1001, "gets": 1, "configurationsReceived": 1,
                     "estimatedDollars": 0.0010004}  # fmt: skip


def test_a_wrong_name_is_asked_for_once_however_often_it_is_wanted(start, appconfig):
    program = start(AWS_ENDPOINT_URL=appconfig.url).wait_serving()
    path = "/applications/no/environments/production/configurations/features"
    assert statuses_of(program, [path] * 200) == {404: 200}
    assert (appconfig.count(START), appconfig.count(GET)) == (1, 0)


def test_aliases_by_percent_encoding_share_a_session(start, appconfig):
    program = start(AWS_ENDPOINT_URL=appconfig.url).wait_serving()
    aliases = [FEATURES, FEATURES.replace("features", "%66eatures"),
               FEATURES.replace("shop", "%73%68%6F%70"), FEATURES.replace("shop", "%73%68%6f%70"),
               FEATURES + "?x", "http://localhost" + FEATURES]  # fmt: skip
    assert statuses_of(program, aliases) == {200: len(aliases)}
    assert (appconfig.count(START), appconfig.count(GET)) == (1, 1)


@pytest.mark.parametrize("client", ["direct", "botocore"])
def test_a_start_costs_one_session_and_one_get_for_each_configuration(
    start, appconfig, lambda_api, client
):
    appconfig.deploy("shop", "production", "other", FLAGS)
    program = start(
        AWS_ENDPOINT_URL=appconfig.url,
        AWS_LAMBDA_RUNTIME_API=lambda_api.address,
        FASTEXT_DATA_CLIENT=client,
        PREFETCH_LIST="shop:production:features,shop:production:other,"
        + FEATURES.replace("shop", "%73hop"),
    )
    other = FEATURES.replace("features", "other")
    program.wait_serving()
    assert statuses_of(program, [FEATURES, other] * 20) == {200: 40}
    lambda_api.wait_next(1)
    lambda_api.invoke()
    lambda_api.wait_next(2)
    assert (appconfig.count(START), appconfig.count(GET)) == (2, 2)
    lambda_api.shutdown()
    assert program.wait() == 0
    assert "SHUTDOWN: 2 sessions, 2 gets, 2 configurations received, about $0.0016" in program.log
