"""Both clients of the AppConfig Data API, held to the same: answers, errors, time, certificates."""

import socket
import ssl
import time

import aws
import pytest
from aws import KEY, begin, get, retrieve, timed_out
from fakes.appconfig import GET, START, FakeAppConfig, http_answer
from fakes.faults import (
    AnswerAndClose,
    CutHead,
    Drip,
    Garbage,
    Hang,
    HangAfter,
    Raw,
    Reset,
    Status,
    Truncate,
)

from fastext import tls
from fastext.errors import (
    AccessDenied,
    InvalidUpstreamRequest,
    NotFound,
    PolledTooEarly,
    Throttled,
    TokenRejected,
    Unavailable,
)


@pytest.fixture(autouse=True)
def environ(monkeypatch):
    return aws.clean(monkeypatch)


@pytest.fixture(params=["direct", "botocore"])
def client_of(request):
    clients = []

    def client_of(service=None, **variables):
        clients.append(aws.client_of(service, kind=request.param, **variables))
        return clients[-1]

    yield client_of
    for client in clients:
        if request.param == "direct":
            client.close()


# ---------------------------------------------------------------- answers


def test_a_configuration_arrives_whole(client_of, appconfig):
    client = client_of(appconfig)
    got = retrieve(client)
    assert got.content.startswith(b'{"dark_mode"')
    assert (got.content_type, got.version_label) == ("application/json", "v1")
    assert got.next_interval_s == 45
    assert get(client, got.next_token).content == b""
    start = appconfig.calls[0]
    assert start.key == KEY
    assert start.body["RequiredMinimumPollIntervalInSeconds"] == 45
    assert (start.access_key, start.signing_name) == ("AKIAFASTEXT", "appconfig")
    assert "fastext/" in start.fields["user-agent"]
    accept = "application/ion;type=AWS.AppConfig.FeatureFlags;q=1.0,*/*;q=0.1"
    assert {call.fields.get("accept") for call in appconfig.calls if call.operation == GET} == {
        accept
    }


@pytest.mark.parametrize("size", [0, 1, 100_000, 2_000_000])
def test_any_bytes_of_any_size_arrive_as_they_are(client_of, appconfig, size):
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]
    appconfig.deploy(*KEY, content, "application/octet-stream")
    assert retrieve(client_of(appconfig)).content == content


def test_one_connection_serves_many_calls(client_of, appconfig):
    client = client_of(appconfig)
    token = begin(client)
    for _ in range(3):
        token = get(client, token).next_token
    assert appconfig.connections == 1


@pytest.mark.parametrize(
    ("operation", "fault", "error", "says"),
    [
        (START, Status(403, "AccessDeniedException", {"Message": "not authorized"}),
         AccessDenied, "StartConfigurationSession: AccessDeniedException: not authorized"),
        (GET, Status(403, "ExpiredTokenException", {"Message": "expired"}),
         AccessDenied, "GetLatestConfiguration: ExpiredTokenException"),
        (START, Status(429, "ThrottlingException", {"Message": "slow"}), Throttled, "slow"),
        (START, Status(400, "ThrottlingException", {"Message": "slow"}), Throttled, "slow"),
        (START, Status(400, "BadRequestException", {"Message": "bad"}),
         InvalidUpstreamRequest, "bad"),
        (GET, Status(400, "BadRequestException", {"Message": "bad"}), TokenRejected, "bad"),
        (START, Status(500), Unavailable, "InternalServerException"),
        (GET, Status(503, "ServiceUnavailable", {}), Unavailable, "ServiceUnavailable"),
        (START, Garbage(), Unavailable, "no usable answer from http://127.0.0.1"),
        (START, Reset(), Unavailable, "no usable answer"),
        (GET, Truncate(), Unavailable, "no usable answer"),
        (START, Raw(http_answer(201, b"no JSON", {"Content-Type": "application/json"})),
         Unavailable, "StartConfigurationSession: "),
        (GET, CutHead(), Unavailable, "the head of the answer is not complete"),
        (START, Raw(http_answer(201, b"{}", {})), Unavailable, "lacks 'InitialConfigurationToken'"),
        (GET, Raw(http_answer(200, b"x", {})), Unavailable, "lacks 'NextPollConfigurationToken'"),
        (GET, Raw(http_answer(200, b"x", {"Next-Poll-Configuration-Token": "t",
                                          "Content-Encoding": "gzip"})),
         Unavailable, "the content is encoded"),
        (GET, Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 4000000000\r\n\r\nx"),
         Unavailable, "4000000000 bytes of content"),
        (GET, Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                  + b"100000\r\n%b\r\n" % (b"x" * 0x100000) * 65),
         Unavailable, "no usable answer"),
        (START, Raw(http_answer(302, b"", {"Location": "http://127.0.0.1:1/"})),
         Unavailable, "302"),
    ],
)  # fmt: skip
def test_every_error_answer_becomes_ours(client_of, appconfig, operation, fault, error, says):
    appconfig.fail_always(operation, fault)
    with pytest.raises(error) as raised:
        retrieve(client_of(appconfig))
    assert type(raised.value) is error
    assert says in raised.value.message


def test_what_is_not_found_is_named_in_the_service_s_own_members(client_of, appconfig):
    with pytest.raises(NotFound) as raised:
        begin(client_of(appconfig), ("nobody", "e", "c"))
    assert raised.value.details["ResourceType"] == "Application"
    assert raised.value.details["ReferencedBy"] == {"ApplicationIdentifier": "nobody"}


def test_the_problems_of_a_token_are_told_apart(client_of, appconfig):
    appconfig.enforce_interval = True
    client = client_of(appconfig)
    with pytest.raises(TokenRejected, match="Corrupted"):
        get(client, "nonsense")
    token = retrieve(client).next_token
    with pytest.raises(PolledTooEarly):
        get(client, token)
    appconfig.clock_ahead_s = 25 * 3600
    with pytest.raises(TokenRejected, match="Expired"):
        get(client, token)


# ---------------------------------------------------------------- time and connections


@pytest.mark.parametrize(
    "fault",
    [Hang(), HangAfter(3), HangAfter(60), Drip()],
    ids=["silent", "in the status line", "in the fields", "dripping"],
)
@pytest.mark.parametrize("operation", [START, GET])
def test_the_deadline_covers_the_whole_answer(client_of, appconfig, operation, fault):
    client = client_of(appconfig)
    token = begin(client)
    appconfig.fail_always(operation, fault)
    if operation == START:
        timed_out(lambda deadline: client.start_configuration_session(KEY, 45, deadline))
    else:
        timed_out(lambda deadline: client.get_latest_configuration(token, deadline))
    appconfig.heal()
    begin(client)


def test_a_server_that_accepts_and_says_nothing_is_a_time_out(client_of):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = client_of(SERVICE_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}")
        timed_out(lambda deadline: client.start_configuration_session(KEY, 45, deadline))


def test_a_refused_connection_is_said_with_the_address(client_of):
    client = client_of(SERVICE_ENDPOINT="http://127.0.0.1:1")
    with pytest.raises(Unavailable, match=r"cannot connect to http://127\.0\.0\.1:1: .*refused"):
        begin(client)


def test_a_name_that_does_not_resolve_is_said(client_of):
    client = client_of(SERVICE_ENDPOINT="http://nowhere.invalid")
    with pytest.raises(Unavailable, match=r"cannot connect to http://nowhere\.invalid"):
        begin(client)


@pytest.mark.parametrize("how", ["announced", "reset"])
def test_a_kept_connection_that_is_dead_costs_one_silent_retry(client_of, appconfig, how):
    client = client_of(appconfig)
    token = begin(client)
    if how == "announced":
        appconfig.drop_connections()
    else:
        appconfig.fail(GET, Reset())
    assert get(client, token).content.startswith(b"{")


@pytest.mark.parametrize("fault", [Truncate(), CutHead(), Garbage()])
def test_an_answer_that_has_begun_has_used_the_token_and_is_not_asked_for_again(
    client_of, appconfig, fault
):
    client = client_of(appconfig)
    token = begin(client)
    appconfig.fail(GET, fault)
    with pytest.raises(Unavailable):
        get(client, token)
    assert appconfig.count(GET) == 1


def test_a_connection_that_dies_at_once_is_not_retried_for_ever(client_of, appconfig):
    client = client_of(appconfig)
    token = begin(client)
    appconfig.fail_always(GET, Reset())
    with pytest.raises(Unavailable):
        get(client, token)
    assert appconfig.count(GET) == 2


def test_after_an_answer_that_closes_the_next_call_connects_anew(client_of, appconfig):
    client = client_of(appconfig)
    appconfig.fail(START, AnswerAndClose())
    assert retrieve(client).content.startswith(b"{")
    assert appconfig.connections == 2


def test_connections_that_were_idle_for_long_by_either_clock_are_not_trusted(
    client_of, appconfig, monkeypatch
):
    client = client_of(appconfig)
    token = begin(client)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    get(client, token)
    assert appconfig.connections == 2


# ---------------------------------------------------------------- where to: Region and endpoint


def region_of(appconfig):
    return appconfig.calls[-1].region


@pytest.mark.parametrize(
    ("variables", "environment", "region"),
    [({"SERVICE_REGION": "ap-south-1"}, {}, "ap-south-1"), ({}, {}, "eu-west-1"),
     ({}, {"AWS_REGION": "", "AWS_DEFAULT_REGION": "sa-east-1"}, "sa-east-1"),
     ({}, {"AWS_DEFAULT_REGION": "sa-east-1"}, "eu-west-1")],
)  # fmt: skip
def test_the_region_is_found_in_its_order(
    client_of, appconfig, environ, variables, environment, region
):
    for name, value in environment.items():
        environ.setenv(name, value)
    begin(client_of(appconfig, **variables))
    assert region_of(appconfig) == region


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_APPCONFIGDATA", "AWS_ENDPOINT_URL"])
def test_endpoints_of_the_environment_count(client_of, appconfig, environ, name):
    environ.setenv(name, appconfig.url)
    begin(client_of())
    assert appconfig.count(START) == 1


# ---------------------------------------------------------------- certificates


@pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_an_own_authority_is_trusted_when_it_is_named(
    client_of, secure, authority, environ, tmp_path, name
):
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    environ.setenv(name, str(bundle))
    assert retrieve(client_of(secure)).content == b"{}"


def test_what_amazon_s_roots_do_not_vouch_for_is_held_against_all_that_botocore_trusts(
    client_of, secure, authority, tmp_path, monkeypatch
):
    bundle = tmp_path / "all.pem"
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setattr(tls, "all_roots", lambda: str(bundle))
    assert retrieve(client_of(secure)).content == b"{}"


def test_an_unknown_authority_is_refused(client_of, secure):
    with pytest.raises(Unavailable, match="no trusted connection to https://localhost"):
        begin(client_of(secure))


def test_a_certificate_for_another_name_is_refused(client_of, authority, environ, tmp_path):
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    environ.setenv("AWS_CA_BUNDLE", str(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.example").configure_cert(context)
    with (
        FakeAppConfig(context) as service,
        pytest.raises(Unavailable, match=r"no trusted connection.*match"),
    ):
        begin(client_of(service))


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_a_server_that_speaks_nothing_newer_than_tls_1_1_is_refused(
    client_of, authority, environ, tmp_path
):
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    environ.setenv("AWS_CA_BUNDLE", str(bundle))
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    authority.issue_cert("localhost").configure_cert(old)
    careless = ssl.create_default_context(cafile=str(bundle))
    careless.set_ciphers("ALL:@SECLEVEL=0")
    careless.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with FakeAppConfig(old) as service:
        port = int(service.url.rpartition(":")[2])
        with (
            socket.create_connection(("127.0.0.1", port)) as raw,
            careless.wrap_socket(raw, server_hostname="localhost") as secured,
        ):
            assert secured.version() == "TLSv1.1", "the server is up, and would answer"
        with pytest.raises(Unavailable, match="no trusted connection"):
            begin(client_of(service))
        assert service.calls == []


@pytest.mark.parametrize(
    "switch",
    [{"PYTHONHTTPSVERIFY": "0"}, {"AWS_CA_BUNDLE": "false"}, {"REQUESTS_CA_BUNDLE": ""}],
)
def test_nothing_turns_the_checks_off(client_of, secure, environ, switch):
    for name, value in switch.items():
        environ.setenv(name, value)
    with pytest.raises(Unavailable):
        begin(client_of(secure))
    assert secure.calls == []


def test_a_bundle_that_cannot_be_read_is_named(client_of, secure, environ):
    environ.setenv("AWS_CA_BUNDLE", "/nonexistent/ca.pem")
    with pytest.raises(Unavailable, match=r"certificates in '/nonexistent/ca\.pem'"):
        begin(client_of(secure))


@pytest.mark.parametrize("operation", [GET])
def test_the_deadline_holds_over_tls_as_well(
    client_of, secure, authority, environ, tmp_path, operation
):
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    environ.setenv("AWS_CA_BUNDLE", str(bundle))
    client = client_of(secure)
    token = begin(client)
    secure.fail_always(operation, Drip())
    timed_out(lambda deadline: client.get_latest_configuration(token, deadline))
