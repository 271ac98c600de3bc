"""The life of the process, from its first line to its exit status."""

import contextlib
import json
import re
import signal
import socket
import threading
import time

import pytest
from conftest import FLAGS
from fakes.appconfig import GET, START, FakeAppConfig
from fakes.faults import Drip, Gate, Hang, Status
from fakes.lambda_api import Drop, FakeLambdaApi, refused
from program import FEATURES
from scene import read_replies

from dev.service import free_port
from fastext.extension import LONGEST_FAREWELL_S, LONGEST_PREFETCH_S

NAME = "shop:production:features"
CHANGED = b'{"dark_mode":{"enabled":false}}'


def in_lambda(appconfig, lambda_api, **variables):
    """Variables of an extension that prefetches, and whose cache is old at every invocation."""
    return {
        "AWS_LAMBDA_RUNTIME_API": lambda_api.address,
        "AWS_ENDPOINT_URL": appconfig.url,
        "PREFETCH_LIST": NAME,
        "POLL_INTERVAL_SECONDS": "1us",
        **variables,
    }


@pytest.fixture
def quick(appconfig):
    """The service wants no pause between polls."""
    appconfig.next_poll_interval_s = 0
    return appconfig


# ---------------------------------------------------------------- the Lambda extension


def test_it_registers_under_the_name_of_its_file_for_both_events(start, appconfig, lambda_api):
    start(**in_lambda(appconfig, lambda_api))
    registration = lambda_api.wait_registered()
    assert registration.name == "fastext"
    assert registration.events == ("INVOKE", "SHUTDOWN")


def test_it_listens_before_it_registers(start, appconfig, lambda_api):
    gate = threading.Event()
    lambda_api.answer_register(gate)
    program = start(**in_lambda(appconfig, lambda_api))
    answers = []
    caller = threading.Thread(target=lambda: answers.append(program.get()))
    while True:  # connecting works while the registration is held
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", program.port)) == 0:
                break
    assert lambda_api.registration is None
    caller.start()
    gate.set()
    caller.join()
    assert answers[0].content == FLAGS


def test_the_prefetch_ends_before_the_first_next(start, appconfig, lambda_api):
    gate = threading.Event()
    appconfig.fail(GET, Gate(gate))
    program = start(**in_lambda(appconfig, lambda_api))
    appconfig.wait_for(GET, 1)
    assert lambda_api.nexts == 0
    gate.set()
    lambda_api.wait_next(1)
    program.wait_for_log(f"retrieved initial data for '{NAME}' in ")
    program.wait_for_log(r"started in \S+: registered \S+, serving \S+, prefetched \S+")


def test_a_prefetch_that_hangs_does_not_hold_up_the_first_next(start, appconfig, lambda_api):
    appconfig.fail_always(GET, Hang())
    program = start(**in_lambda(appconfig, lambda_api, POLL_TIMEOUT_MILLIS="300"))
    lambda_api.wait_next(1)
    assert program.get().status == 504


@pytest.mark.parametrize("client", ["direct", "botocore"])
@pytest.mark.parametrize("fault", [Hang(), Drip()])
@pytest.mark.parametrize("by_manifest", [False, True])
def test_shutdown_in_the_prefetch_ends_it(start, appconfig, lambda_api, client, fault, by_manifest):
    """Well before Lambda kills, whatever the poll time-out is; SHUTDOWN comes by `next`."""
    assert LONGEST_PREFETCH_S + LONGEST_FAREWELL_S < 1.8
    appconfig.fail_always(GET, fault)
    named = {"MANIFEST": NAME} if by_manifest else {}
    program = start(**in_lambda(appconfig, lambda_api, POLL_TIMEOUT_MILLIS="20s",
                                FASTEXT_DATA_CLIENT=client, **named))  # fmt: skip
    appconfig.wait_for(GET, 1)
    lambda_api.shutdown()
    assert program.wait(5.0) == 0
    assert "some configurations are not prefetched within 1.5s" in program.log


def test_what_is_not_prefetched_in_time_is_retrieved_and_waited_for_all_the_same(
    start, appconfig, lambda_api
):
    gate = threading.Event()
    appconfig.fail(GET, Gate(gate))
    program = start(**in_lambda(appconfig, lambda_api, POLL_TIMEOUT_MILLIS="20s"))
    lambda_api.wait_next(1)
    program.wait_for_log("WARN some configurations are not prefetched within 1.5s; their retrieval")
    answers = []
    caller = threading.Thread(target=lambda: answers.append(program.get()))
    caller.start()
    lambda_api.invoke()
    lambda_api.wait_next(2)
    gate.set()
    caller.join()
    assert answers[0].content == FLAGS
    assert (appconfig.count(START), appconfig.count(GET)) == (1, 1)
    lambda_api.shutdown()
    assert program.wait() == 0


def test_a_request_joins_the_prefetch(start, appconfig, lambda_api):
    gate = threading.Event()
    appconfig.fail(GET, Gate(gate))
    program = start(**in_lambda(appconfig, lambda_api)).wait_serving()
    appconfig.wait_for(GET, 1)
    answers = []
    caller = threading.Thread(target=lambda: answers.append(program.get()))
    caller.start()
    gate.set()
    caller.join()
    assert answers[0].content == FLAGS
    assert (appconfig.count(START), appconfig.count(GET)) == (1, 1)


def test_an_invocation_refreshes_what_is_old(start, quick, lambda_api):
    program = start(**in_lambda(quick, lambda_api))
    lambda_api.wait_next(1)
    assert program.get().fields["configuration-version"] == "1"
    quick.deploy("shop", "production", "features", CHANGED, version_label="v2")
    lambda_api.invoke()
    lambda_api.wait_next(2)
    reply = program.get()
    assert reply.content == CHANGED
    assert reply.fields["configuration-version"] == "2"
    assert reply.fields["version-label"] == "v2"
    assert quick.count(START) == 1


def test_an_invocation_leaves_alone_what_is_young_enough(start, appconfig, lambda_api):
    start(**in_lambda(appconfig, lambda_api, POLL_INTERVAL_SECONDS="45"))
    lambda_api.wait_next(1)
    for count in (2, 3):
        lambda_api.invoke()
        lambda_api.wait_next(count)
    assert appconfig.count(GET) == 1


def test_a_slow_refresh_delays_neither_reads_nor_the_next_event(start, quick, lambda_api):
    program = start(**in_lambda(quick, lambda_api, POLL_TIMEOUT_MILLIS="20s"))
    lambda_api.wait_next(1)
    gate = threading.Event()
    quick.fail(GET, Gate(gate))
    quick.deploy("shop", "production", "features", CHANGED)
    lambda_api.invoke()
    quick.wait_for(GET, 2)
    assert program.get().content == FLAGS
    lambda_api.wait_next(2)
    lambda_api.invoke()
    lambda_api.wait_next(3)
    assert quick.count(GET) == 2, "a refresh under way is not begun again"
    gate.set()
    program.wait_for_log("updated cache data")
    assert program.get().content == CHANGED


def test_shutdown_ends_the_process_with_0(start, appconfig, lambda_api):
    program = start(**in_lambda(appconfig, lambda_api))
    lambda_api.wait_next(1)
    lambda_api.shutdown()
    assert program.wait() == 0


def test_shutdown_during_a_poll_and_with_requests_open_ends_it_too(start, quick, lambda_api):
    program = start(**in_lambda(quick, lambda_api, POLL_TIMEOUT_MILLIS="20s"))
    lambda_api.wait_next(1)
    quick.fail_always(GET, Hang())
    lambda_api.invoke()
    quick.wait_for(GET, 2)
    with socket.create_connection(("127.0.0.1", program.port)) as open_request:
        open_request.sendall(b"GET /ping HTTP/1.1\r\nHost: l")
        lambda_api.shutdown()
        assert program.wait() == 0


@pytest.mark.parametrize(
    "answer",
    [Drop, refused("Extension.Whatever", "no"), b"garbage\r\n\r\n",
     b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'],
)  # fmt: skip
def test_a_broken_answer_to_next_is_asked_for_again(start, appconfig, lambda_api, answer):
    program = start(**in_lambda(appconfig, lambda_api))
    lambda_api.wait_next(1)
    for _ in range(3):  # a dropped kept connection is retried without a word
        lambda_api.answer_next(answer)
    program.wait_for_log("ERROR .*event/next")
    lambda_api.invoke()
    lambda_api.shutdown()
    assert program.wait() == 0
    assert program.log.count("asking again") == 1


def test_events_may_come_in_chunked_coding(start, appconfig, lambda_api):
    program = start(**in_lambda(appconfig, lambda_api))
    event = b'{"eventType":"SHUTDOWN","shutdownReason":"spindown"}'
    lambda_api.answer_next(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(event), event)
    )
    assert program.wait() == 0


@pytest.mark.parametrize("told", [True, False])
def test_on_managed_instances_it_takes_shutdown_alone_and_polls_by_timers(start, quick, told):
    with FakeLambdaApi(managed_instances=True) as api:
        kind = {"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"} if told else {}
        program = start(**in_lambda(quick, api, POLL_INTERVAL_SECONDS="50ms", **kind))
        assert api.wait_registered().events == ("SHUTDOWN",)
        quick.wait_for(GET, 3)
        api.shutdown("failure")
        assert program.wait() == 0


def test_a_taken_port_is_an_error_and_is_tried_again_at_each_invocation(
    start, appconfig, lambda_api
):
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    program = start(**in_lambda(appconfig, lambda_api, HTTP_PORT=str(port)))
    lambda_api.wait_next(1)
    program.wait_for_log(f"ERROR cannot listen on 127.0.0.1 port {port}: .*HTTP_PORT")
    taken.close()
    lambda_api.invoke()
    program.wait_for_log(f"serving on localhost:{port}")
    program.port = port
    assert program.get().content == FLAGS
    lambda_api.shutdown()
    assert program.wait() == 0


@pytest.mark.parametrize("also_ipv4", [False, True])
def test_a_taken_ipv6_loopback_is_tried_again_at_each_invocation(
    start, appconfig, lambda_api, also_ipv4
):
    port = free_port()
    serving = f"serving on localhost:{port}"
    with contextlib.ExitStack() as others:
        try:
            others.enter_context(socket.create_server(("::1", port), family=socket.AF_INET6))
        except OSError:
            pytest.skip("SKIPPED: this machine has no IPv6 loopback")
        other = socket.create_server(("127.0.0.1", port)) if also_ipv4 else None
        program = start(**in_lambda(appconfig, lambda_api, HTTP_PORT=str(port)))
        lambda_api.wait_next(1)
        if other is not None:
            other.close()
        lambda_api.invoke()
        program.wait_for_log(serving)
        program.wait_for_log(f"WARN cannot listen on ::1 port {port}: .*; only 127.0.0.1 is served")
        lambda_api.wait_next(2)
        program.port = port
        assert program.get().content == FLAGS
    lambda_api.invoke()
    program.wait_for_log(serving, count=2)
    for host in ("::1", "127.0.0.1"):
        with socket.create_connection((host, port), 20) as connection:
            connection.sendall(b"GET /ping HTTP/1.1\r\nHost: l\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
    lambda_api.invoke()
    lambda_api.shutdown()
    assert program.wait() == 0
    assert program.log.count(serving) == 2


def test_a_refused_registration_is_said_and_ends_the_process(start, appconfig, lambda_api):
    lambda_api.answer_register(refused("Extension.RegistrationClosed", "too late"))
    program = start(**in_lambda(appconfig, lambda_api))
    assert program.wait() == 1
    program.wait_for_log("FATAL not registered with Lambda: .*RegistrationClosed")


def test_settings_that_cannot_be_used_are_said_and_the_defaults_hold(start, appconfig, lambda_api):
    program = start(**in_lambda(appconfig, lambda_api, MAX_CONNECTIONS="many",
                                PREFETCH_LIST="nonsense," + NAME))  # fmt: skip
    lambda_api.wait_next(1)
    assert program.get().content == FLAGS
    program.wait_for_log("WARN .*MAX_CONNECTIONS: 'many' .*using 3 instead")
    program.wait_for_log("WARN .*PREFETCH_LIST: 'nonsense'")


# ---------------------------------------------------------------- the agent


def test_outside_lambda_it_polls_by_timers(start, quick):
    program = start(AWS_ENDPOINT_URL=quick.url, PREFETCH_LIST=NAME, POLL_INTERVAL_SECONDS="50ms")
    program.wait_for_log("INFO AppConfig Agent fastext")
    quick.wait_for(GET, 2)
    quick.deploy("shop", "production", "features", CHANGED)
    program.wait_for_log("updated cache data")
    assert program.get().content == CHANGED


def test_it_serves_on_ipv6_loopback_as_well(start, appconfig):
    program = start(AWS_ENDPOINT_URL=appconfig.url).wait_serving()
    try:
        connection = socket.create_connection(("::1", program.port))
    except OSError as fault:
        pytest.skip(f"this machine has no ::1: {fault}")
    connection.close()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_agent_with_0(start, appconfig, signum):
    program = start(AWS_ENDPOINT_URL=appconfig.url).wait_serving()
    program.process.send_signal(signum)
    assert program.wait() == 0


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_start_with_0(start, appconfig, tmp_path, signum):
    """Of a program that has not loaded its server yet."""
    (tmp_path / "sitecustomize.py").write_text(
        "import signal, sys\nimport fastext.startup\n"
        "def go_on(start):\n"
        "    sys.stderr.write('standing still\\n')\n"
        "    while True: signal.pause()\n"
        "fastext.startup.go_on = go_on\n"
    )
    program = start(AWS_ENDPOINT_URL=appconfig.url, PYTHONPATH=str(tmp_path))
    program.wait_for_log("standing still")
    program.process.send_signal(signum)
    assert program.wait() == 0


def test_a_taken_port_ends_the_agent_with_one_clear_line(start, appconfig):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        program = start(AWS_ENDPOINT_URL=appconfig.url, HTTP_PORT=port)
        assert program.wait() == 1
    program.wait_for_log(f"ERROR cannot listen on 127.0.0.1 port {port}")


def test_a_thousand_concurrent_reads_of_a_cold_configuration_cost_one_session_and_one_get(
    start, appconfig
):
    gate = threading.Event()
    appconfig.fail(START, Gate(gate))
    program = start(AWS_ENDPOINT_URL=appconfig.url).wait_serving()
    request = f"GET {FEATURES} HTTP/1.1\r\nHost: localhost\r\n"
    with contextlib.ExitStack() as stack:
        callers = [
            stack.enter_context(socket.create_connection(("127.0.0.1", program.port), 20))
            for _ in range(100)
        ]
        for caller in callers:
            last = f"{request}Connection: close\r\n\r\n"
            caller.sendall(f"{request}\r\n".encode() * 9 + last.encode())
        appconfig.wait_for(START, 1)
        gate.set()
        for caller in callers:
            answer = b"".join(iter(lambda caller=caller: caller.recv(65536), b""))
            assert [content for _, _, content in read_replies(answer)] == [FLAGS] * 10
    assert (appconfig.count(START), appconfig.count(GET)) == (1, 1)


def test_at_most_max_connections_calls_run_at_once(start):
    with FakeAppConfig() as service:
        names = [f"p{number}" for number in range(8)]
        for name in names:
            service.deploy("a", "e", name, b"x", "text/plain")
        gate = threading.Event()
        service.fail_always(START, Gate(gate))
        program = start(
            AWS_ENDPOINT_URL=service.url,
            MAX_CONNECTIONS="2",
            POLL_TIMEOUT_MILLIS="20s",
            PREFETCH_LIST=",".join(f"a:e:{name}" for name in names),
        )
        service.wait_for(START, 2)
        gate.set()
        program.wait_for_log("retrieved initial data", count=8)
        assert service.peak_concurrency == 2


def test_what_the_service_says_reaches_the_caller(start, appconfig):
    program = start(AWS_ENDPOINT_URL=appconfig.url).wait_serving()
    reply = program.get(FEATURES.replace("features", "nothing"))
    assert reply.status == 404
    body = json.loads(reply.content)
    assert "shop:production:nothing" in body["Message"]
    assert body["ResourceType"] == "ConfigurationProfile"
    assert body["ReferencedBy"] == {"ConfigurationProfileIdentifier": "nothing"}


# ---------------------------------------------------------------- variants


def test_variants_are_evaluated_and_a_malformed_rule_never_replaces_them(start, quick, lambda_api):
    appconfig = quick
    good = 'f::[A::[(eq $x "1"), "{\\"enabled\\":true}"], "{\\"enabled\\":false}"]'
    ion = "application/ion; type=AWS.AppConfig.FeatureFlags"
    appconfig.deploy("shop", "production", "features", good.encode(), ion, version_label="v1")
    program = start(**in_lambda(appconfig, lambda_api, LOG_LEVEL="info"))
    lambda_api.wait_next(1)
    path = "/applications/shop/environments/production/configurations/features?flag=f"
    for _ in range(3):
        reply = program.get(path, Context="x=1")
        assert json.loads(reply.content) == {"_variant": "A", "enabled": True}
        assert json.loads(program.get(path).content) == {"enabled": False}
    appconfig.deploy(
        "shop", "production", "features", good.replace("eq", "equals").encode(), ion,
        version_label="v2",
    )  # fmt: skip
    lambda_api.invoke()
    program.wait_for_log(
        r"ERROR retrieve failure for 'shop:production:features': the new version cannot be used: "
        r"flag 'f', variant 'A': 'equals' is no operator"
    )
    assert json.loads(program.get(path, Context="x=1").content)["_variant"] == "A"


# ---------------------------------------------------------------- a start that goes wrong


def test_a_signal_ends_a_prefetch_that_hangs(start, appconfig):
    appconfig.fail_always(GET, Hang())
    program = start(PREFETCH_LIST=NAME, AWS_ENDPOINT_URL=appconfig.url, POLL_TIMEOUT_MILLIS="1h")
    appconfig.wait_for(GET, 1)
    program.wait_serving()
    program.process.send_signal(signal.SIGTERM)
    assert program.wait() == 0


def test_more_configurations_than_are_kept_are_not_prefetched_and_the_rest_are_served(
    start, appconfig
):
    names = ",".join(f"a:b:{number}" for number in range(1001))
    program = start(PREFETCH_LIST=f"{NAME},{names}", AWS_ENDPOINT_URL=appconfig.url)
    program.wait_for_log(r"ERROR 1000 configurations are in use.*from 'a:b:999' on none is")
    assert program.get().content == FLAGS


def test_where_the_loop_cannot_go_on_requests_are_still_answered(
    start, appconfig, lambda_api, tmp_path
):
    """An extension whose server breaks in a way that nobody foresaw."""
    broken = tmp_path / "sitecustomize.py"
    broken.write_text(
        "import fastext.listener\n"
        "def start(self, sockets): raise RuntimeError('unforeseen')\n"
        "fastext.listener.Listener.start = start\n"
    )
    program = start(**in_lambda(appconfig, lambda_api), PYTHONPATH=str(tmp_path))
    lambda_api.wait_next(1)
    reply = program.get()
    assert reply.status == 500
    assert "unforeseen" in json.loads(reply.content)["Message"]
    lambda_api.shutdown()
    assert program.wait() == 0


def test_the_log_says_how_long_a_retrieval_took_that_was_begun_before_the_loop(
    start, appconfig, lambda_api
):
    gate = threading.Event()
    appconfig.fail(GET, Gate(gate))
    program = start(**in_lambda(appconfig, lambda_api))
    appconfig.wait_for(GET, 1)
    program.wait_serving()
    began = time.monotonic()
    while time.monotonic() - began < 0.05:
        program.get("/ping")
    gate.set()
    program.wait_for_log(f"retrieved initial data for '{NAME}' in ")
    took = re.search(r"retrieved initial data for '\S+' in ([\d.]+)(m?s)", program.log)
    assert float(took[1]) * (1 if took[2] == "ms" else 1000) >= 50


# ---------------------------------------------------------------- freshness


def test_every_answer_tells_its_age_and_why_it_is_stale(start, quick, lambda_api):
    program = start(**in_lambda(quick, lambda_api, LOG_LEVEL="info"))
    lambda_api.wait_next(1)
    for fields in ({}, {"Connection": "close"}, {}):
        reply = program.get(**fields)
        assert int(reply.fields["age"]) <= 20
        assert reply.fields["cache-control"].startswith("max-age=")
        assert "fastext-stale" not in reply.fields
    tag = reply.fields["etag"]
    assert program.get(**{"If-None-Match": tag}).status == 304
    quick.fail_always(GET, Status(403, "AccessDeniedException"))
    lambda_api.invoke()
    program.wait_for_log("retrieve failure")
    while program.get().fields.get("fastext-stale") != "AccessDenied":
        pass  # a reply that is ready is renewed within a second
    quick.heal()
