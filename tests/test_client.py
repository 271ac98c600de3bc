"""The botocore client against real services, proxies and certificates on loopback."""

import json
import socket
import ssl
import subprocess
import threading
import time

import pytest
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
from moto.server import ThreadedMotoServer
from proxy import Squid

from fastext.client import AppConfigData
from fastext.errors import (
    AccessDenied,
    InvalidUpstreamRequest,
    NotFound,
    PolledTooEarly,
    Throttled,
    TimedOut,
    TokenRejected,
    Unavailable,
)
from fastext.settings import Settings
from fastext.workers import Deadline

KEY = ("shop", "production", "features")
FOREIGN = ("AWS_", "SSL_CERT", "REQUESTS_CA")


@pytest.fixture(autouse=True)
def environ(monkeypatch):
    """An environment with credentials and nothing else that concerns botocore."""
    import os

    for name in os.environ:
        if name.startswith(FOREIGN) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAFASTEXT",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def client_of(service=None, **variables):
    """A client with these variables, given without their prefix."""
    import os

    if service is not None:
        variables.setdefault("SERVICE_ENDPOINT", service.url)
    prefixed = {f"AWS_APPCONFIG_EXTENSION_{name}": value for name, value in variables.items()}
    settings = Settings.from_env(prefixed, in_lambda=True)
    assert settings.problems == ()
    return AppConfigData(settings, os.environ)


def begin(client, key=KEY, timeout_s=10.0):
    return client.start_configuration_session(key, 45, Deadline(timeout_s))


def get(client, token, timeout_s=10.0):
    return client.get_latest_configuration(token, Deadline(timeout_s))


def retrieve(client, timeout_s=10.0):
    return get(client, begin(client, timeout_s=timeout_s), timeout_s)


def timed_out(call, timeout_s=0.3):
    """Run `call` on a thread whose deadline expires as `Workers` lets it expire."""
    deadline = Deadline(timeout_s)
    timer = threading.Timer(timeout_s, deadline.expire)
    timer.start()
    try:
        with pytest.raises(TimedOut, match=r"within 0\.3 s"):
            call(deadline)
    finally:
        timer.cancel()


# ---------------------------------------------------------------- answers


def test_a_configuration_arrives_whole(appconfig):
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


@pytest.mark.parametrize("size", [0, 1, 100_000, 2_000_000])
def test_any_bytes_of_any_size_arrive_as_they_are(appconfig, size):
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]
    appconfig.deploy(*KEY, content, "application/octet-stream")
    assert retrieve(client_of(appconfig)).content == content


def test_one_connection_serves_many_calls(appconfig):
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
        (START, Raw(http_answer(302, b"", {"Location": "http://127.0.0.1:1/"})),
         Unavailable, "302"),
    ],
)  # fmt: skip
def test_every_error_answer_becomes_ours(appconfig, operation, fault, error, says):
    appconfig.fail_always(operation, fault)
    with pytest.raises(error) as raised:
        retrieve(client_of(appconfig))
    assert type(raised.value) is error
    assert says in raised.value.message


def test_what_is_not_found_is_named_in_the_service_s_own_members(appconfig):
    with pytest.raises(NotFound) as raised:
        begin(client_of(appconfig), ("nobody", "e", "c"))
    assert raised.value.details["ResourceType"] == "Application"
    assert raised.value.details["ReferencedBy"] == {"ApplicationIdentifier": "nobody"}


def test_the_problems_of_a_token_are_told_apart(appconfig):
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
def test_the_deadline_covers_the_whole_answer(appconfig, operation, fault):
    client = client_of(appconfig)
    token = begin(client)
    appconfig.fail_always(operation, fault)
    if operation == START:
        timed_out(lambda deadline: client.start_configuration_session(KEY, 45, deadline))
    else:
        timed_out(lambda deadline: client.get_latest_configuration(token, deadline))
    appconfig.heal()
    begin(client)


def test_a_server_that_accepts_and_says_nothing_is_a_time_out():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = client_of(SERVICE_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}")
        timed_out(lambda deadline: client.start_configuration_session(KEY, 45, deadline))


def test_a_refused_connection_is_said_with_the_address():
    client = client_of(SERVICE_ENDPOINT="http://127.0.0.1:1")
    with pytest.raises(Unavailable, match=r"cannot connect to http://127\.0\.0\.1:1: .*refused"):
        begin(client)


def test_a_name_that_does_not_resolve_is_said():
    client = client_of(SERVICE_ENDPOINT="http://nowhere.invalid")
    with pytest.raises(Unavailable, match=r"cannot connect to http://nowhere\.invalid"):
        begin(client)


@pytest.mark.parametrize("how", ["announced", "reset"])
def test_a_kept_connection_that_is_dead_costs_one_silent_retry(appconfig, how):
    client = client_of(appconfig)
    token = begin(client)
    if how == "announced":
        appconfig.drop_connections()
    else:
        appconfig.fail(GET, Reset())
    assert get(client, token).content.startswith(b"{")


def test_a_connection_that_dies_at_once_is_not_retried_for_ever(appconfig):
    client = client_of(appconfig)
    token = begin(client)
    appconfig.fail_always(GET, Reset())
    with pytest.raises(Unavailable):
        get(client, token)
    assert appconfig.count(GET) == 2


def test_after_an_answer_that_closes_the_next_call_connects_anew(appconfig):
    client = client_of(appconfig)
    appconfig.fail(START, AnswerAndClose())
    assert retrieve(client).content.startswith(b"{")
    assert appconfig.connections == 2


def test_connections_that_were_idle_for_long_by_either_clock_are_not_trusted(
    appconfig, monkeypatch
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
def test_the_region_is_found_in_its_order(appconfig, environ, variables, environment, region):
    for name, value in environment.items():
        environ.setenv(name, value)
    begin(client_of(appconfig, **variables))
    assert region_of(appconfig) == region


def test_the_profile_s_region_is_the_last_resort(appconfig, environ, tmp_path):
    config = tmp_path / "config"
    config.write_text("[default]\nregion = us-west-2\n")
    environ.setenv("AWS_CONFIG_FILE", str(config))
    environ.delenv("AWS_REGION")
    begin(client_of(appconfig))
    assert region_of(appconfig) == "us-west-2"


def test_without_a_region_the_error_says_what_to_set(environ):
    environ.delenv("AWS_REGION")
    with pytest.raises(Unavailable, match="no Region; set AWS_APPCONFIG_EXTENSION_SERVICE_REGION"):
        begin(client_of())


def test_without_credentials_the_error_says_so_and_later_ones_are_found(appconfig, environ):
    environ.delenv("AWS_ACCESS_KEY_ID")
    client = client_of(appconfig)
    with pytest.raises(Unavailable, match="no AWS credentials found"):
        begin(client)
    environ.setenv("AWS_ACCESS_KEY_ID", "late")
    begin(client)
    assert appconfig.calls[-1].access_key == "late"


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_APPCONFIGDATA", "AWS_ENDPOINT_URL"])
def test_endpoints_of_the_environment_count(appconfig, environ, name):
    environ.setenv(name, appconfig.url)
    begin(client_of())
    assert appconfig.count(START) == 1


@pytest.mark.parametrize(
    ("environment", "host"),
    [({}, "appconfigdata.eu-west-1.amazonaws.com"),
     ({"AWS_USE_FIPS_ENDPOINT": "true"}, "appconfigdata-fips.eu-west-1.amazonaws.com"),
     ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "appconfigdata.eu-west-1.api.aws"),
     ({"AWS_REGION": "cn-north-1"}, "appconfigdata.cn-north-1.amazonaws.com.cn")],
)  # fmt: skip
def test_the_service_s_own_endpoint_is_that_of_every_sdk(environ, environment, host):
    """Read off the CONNECT of a proxy that refuses: no name needs to resolve."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse():
            connection, _ = listening.accept()
            asked.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            connection.close()

        proxy = threading.Thread(target=refuse)
        proxy.start()
        for name, value in environment.items():
            environ.setenv(name, value)
        url = f"http://user:pass@127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(Unavailable, match=r"through proxy http://127\.0\.0\.1:\d+: .*403"):
            begin(client_of(PROXY_URL=url))
        proxy.join()
    assert asked[0].startswith(f"CONNECT {host}:443 ".encode())
    assert b"proxy-authorization: basic dxnlcjpwyxnz" in asked[0].lower()


# ---------------------------------------------------------------- certificates


@pytest.fixture
def secure(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with FakeAppConfig(context) as service:
        service.deploy(*KEY, b"{}")
        yield service


@pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_an_own_authority_is_trusted_when_it_is_named(secure, authority, environ, tmp_path, name):
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    environ.setenv(name, str(bundle))
    assert retrieve(client_of(secure)).content == b"{}"


def test_an_unknown_authority_is_refused(secure):
    with pytest.raises(Unavailable, match="no trusted connection to https://localhost"):
        begin(client_of(secure))


def test_a_certificate_for_another_name_is_refused(authority, environ, tmp_path):
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


def test_a_bundle_that_cannot_be_read_is_named(secure, environ):
    environ.setenv("AWS_CA_BUNDLE", "/nonexistent/ca.pem")
    with pytest.raises(Unavailable, match=r"certificates in '/nonexistent/ca\.pem'"):
        begin(client_of(secure))


@pytest.mark.parametrize("operation", [GET])
def test_the_deadline_holds_over_tls_as_well(secure, authority, environ, tmp_path, operation):
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    environ.setenv("AWS_CA_BUNDLE", str(bundle))
    client = client_of(secure)
    token = begin(client)
    secure.fail_always(operation, Drip())
    timed_out(lambda deadline: client.get_latest_configuration(token, deadline))


# ---------------------------------------------------------------- proxies


@pytest.fixture(scope="module")
def squid(authority, tmp_path_factory):
    with Squid(authority, tmp_path_factory.mktemp("squid")) as proxy:
        yield proxy


@pytest.fixture
def trusted(authority, environ, tmp_path):
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    environ.setenv("AWS_CA_BUNDLE", str(bundle))


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("service_scheme", ["http", "https"])
def test_a_proxy_that_wants_a_header_gets_it(
    squid, secure, appconfig, trusted, scheme, service_scheme
):
    service = secure if service_scheme == "https" else appconfig
    headers = "X-Fastext-Token: letmein, X-Other: 1"
    client = client_of(service, PROXY_URL=squid.url(scheme), PROXY_HEADERS=headers)
    assert retrieve(client).content
    fields = service.calls[-1].fields
    assert ("via" in fields) == (service_scheme == "http"), "a tunnel adds nothing"
    assert "x-fastext-token" not in fields, "it is for the proxy alone"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_without_the_header_the_proxy_s_refusal_is_said(squid, secure, trusted, scheme):
    client = client_of(secure, PROXY_URL=squid.url(scheme))
    with pytest.raises(Unavailable, match=r"through proxy .*403"):
        begin(client)


def test_proxies_of_the_environment_and_no_proxy_count(squid, secure, trusted, environ):
    environ.setenv("HTTPS_PROXY", squid.url("http"))
    with pytest.raises(Unavailable, match="403"):
        begin(client_of(secure))
    begin(client_of(secure, PROXY_HEADERS="X-Fastext-Token: letmein"))
    environ.setenv("NO_PROXY", "localhost")
    begin(client_of(secure))


def test_a_proxy_that_is_not_there_is_said(secure, trusted):
    client = client_of(secure, PROXY_URL="http://127.0.0.1:1")
    with pytest.raises(Unavailable, match=r"through proxy http://127\.0\.0\.1:1"):
        begin(client)


# ---------------------------------------------------------------- roles


@pytest.fixture(scope="module")
def sts():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


ROLE = "arn:aws:iam::123456789012:role/reader"


def test_a_role_is_assumed_and_its_credentials_sign(appconfig, environ, sts):
    environ.setenv("AWS_ENDPOINT_URL_STS", sts)
    client = client_of(appconfig, ROLE_ARN=ROLE)
    retrieve(client)
    for call in appconfig.calls:
        assert call.access_key.startswith("ASIA")
        assert call.fields["x-amz-security-token"]
    assert len({call.access_key for call in appconfig.calls}) == 1, "assumed once"


class RecordingSts:
    """An STS that gives credentials of a chosen life, and writes down what it was asked."""

    def __init__(self, life_s):
        self.asked = []
        self.life_s = life_s
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listening.close()

    def _serve(self):
        from http.client import parse_headers
        from urllib.parse import parse_qs

        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                stream.readline()
                length = int(parse_headers(stream)["content-length"])
                self.asked.append(
                    {
                        name: value[0]
                        for name, value in parse_qs(stream.read(length).decode()).items()
                    }
                )
                expiration = time.strftime(
                    "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.life_s)
                )
                content = f"""<AssumeRoleResponse><AssumeRoleResult><Credentials>
                    <AccessKeyId>ASIA{len(self.asked)}</AccessKeyId>
                    <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
                    <Expiration>{expiration}</Expiration></Credentials>
                    </AssumeRoleResult></AssumeRoleResponse>""".encode()
                connection.sendall(
                    http_answer(200, content, {"Content-Type": "text/xml", "Connection": "close"})
                )


def test_the_role_s_parameters_are_sent(appconfig, environ):
    with RecordingSts(3600) as sts:
        environ.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        client = client_of(appconfig, ROLE_ARN=ROLE, ROLE_EXTERNAL_ID="ext", ROLE_SESSION_NAME="me")
        retrieve(client)
        retrieve(client)
    (asked,) = sts.asked
    assert (asked["RoleArn"], asked["ExternalId"]) == (ROLE, "ext")
    assert asked["RoleSessionName"] == "me"
    assert appconfig.calls[0].access_key == "ASIA1"


def test_credentials_are_renewed_before_they_expire(appconfig, environ):
    with RecordingSts(300) as sts:
        environ.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        client = client_of(appconfig, ROLE_ARN=ROLE)
        token = begin(client)
        get(client, token)
    assert [call.access_key for call in appconfig.calls] == ["ASIA1", "ASIA2"]
    assert sts.asked[0]["RoleSessionName"] == "AWSAppConfigAgentSession"


def test_a_role_that_cannot_be_assumed_is_said(appconfig, environ):
    with FakeAppConfig() as no_sts:
        environ.setenv("AWS_ENDPOINT_URL_STS", no_sts.url)
        with pytest.raises(Unavailable, match="StartConfigurationSession: AssumeRole: "):
            begin(client_of(appconfig, ROLE_ARN=ROLE))


# ---------------------------------------------------------------- at a distance


def test_importing_the_server_s_side_does_not_load_botocore():
    script = "import sys, fastext.protocol; print([m for m in sys.modules if 'boto' in m])"
    import sys

    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert json.loads(answer.stdout) == []
