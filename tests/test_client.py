"""What only the botocore client does: the profile's Region, proxies, roles."""

import calendar
import json
import os
import socket
import subprocess
import threading
import time
from email.utils import formatdate
from urllib.parse import quote

import aws
import pytest
from aws import begin, client_of, get, retrieve
from fakes.answers import http_answer
from fakes.appconfig import GET, START, FakeAppConfig
from fakes.faults import Drip, Hang, Raw, Status
from fakes.loopback import Loopback
from fakes.sts import FakeSts, Refusal
from moto.server import ThreadedMotoServer
from proxy import Squid

from fastext.client import AppConfigData, new_session
from fastext.errors import AccessDenied, TimedOut, Unavailable
from fastext.settings import Role, Settings


@pytest.fixture(autouse=True)
def environ(monkeypatch):
    return aws.clean(monkeypatch)


def test_the_profile_s_region_is_the_last_resort(appconfig, environ, tmp_path):
    config = tmp_path / "config"
    config.write_text("[default]\nregion = us-west-2\n")
    environ.setenv("AWS_CONFIG_FILE", str(config))
    environ.delenv("AWS_REGION")
    begin(client_of(appconfig))
    assert appconfig.calls[-1].region == "us-west-2"


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


CONTAINER = "AWS_CONTAINER_CREDENTIALS_FULL_URI"


@pytest.fixture
def container(environ):
    """Gives a function that has the container endpoint give an answer."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        environ.delenv(name)
    servers = []

    answers = []

    def give(status, content):
        """This answer from now on."""
        answers[:] = [http_answer(status, content, {})]
        if not servers:
            servers.append(Loopback(lambda _, connection: connection.send(answers[0])))
            servers[0].start()
            environ.setenv(CONTAINER, f"http://127.0.0.1:{servers[0].port}/x")

    yield give
    for server in servers:
        server.stop()


GIVEN = {"AccessKeyId": "AKIA", "SecretAccessKey": "canary", "Token": "canary",
         "Expiration": "2099-01-01T00:00:00Z"}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "given"),
    [(201, GIVEN), (500, GIVEN), (200, {**GIVEN, "Token": "canary\n"}), (200, "canary"),
     (200, []), (200, None), (200, {}), (200, {**GIVEN, "Expiration": None}),
     (200, {**GIVEN, "Expiration": 5}),
     (200, {**GIVEN, "Expiration": "2099-01-01T00:00:00"}), (200, {**GIVEN, "AccessKeyId": 5}),
     (200, {**GIVEN, "Expiration": "2000-01-01T00:00:00Z"}), (200, {**GIVEN, "AccessKeyId": ""})],
)  # fmt: skip
def test_credentials_that_are_none_are_a_fault_of_ours_and_not_told(
    appconfig, container, status, given
):
    container(status, json.dumps(given).encode())
    with pytest.raises(Unavailable, match=r"StartConfigurationSession: .*credentials") as raised:
        begin(client_of(appconfig, kind="botocore"))
    assert "canary" not in raised.value.message
    assert appconfig.calls == []


@pytest.mark.parametrize(
    ("variables", "says"),
    [({"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/nonexistent"}, "check the credentials"),
     ({"AWS_CONTAINER_AUTHORIZATION_TOKEN": "canary\n"}, "check the credentials"),
     ({CONTAINER: "http://canary.example/"}, "check the credentials"),
     ({"AWS_PROFILE": "nobody"}, "profile .nobody. could not be found")],
)  # fmt: skip
def test_what_botocore_says_is_told_only_where_it_names_a_setting(
    appconfig, container, environ, variables, says
):
    container(200, b"{}")
    for name, value in variables.items():
        environ.setenv(name, value)
    with pytest.raises(Unavailable, match=says) as raised:
        begin(client_of(appconfig, kind="botocore"))
    assert "canary" not in raised.value.message


def signed_with(session, service, region, endpoint_url=None):
    """Where a client of `session` would send, and for whom it signs; or botocore's error."""
    from botocore.exceptions import BotoCoreError

    seen = {}

    def stop(request, **_):
        seen["url"] = request.url.partition("?")[0]
        seen["scope"] = request.headers["Authorization"].decode().partition("/")[2].split("/")[1:3]
        raise InterruptedError

    try:
        client = session.create_client(service, region, endpoint_url=endpoint_url)
        client.meta.events.register("before-send", stop)
        if service == "sts":
            client.assume_role(RoleArn=ROLE, RoleSessionName="x" * 20)
        else:
            client.get_latest_configuration(ConfigurationToken="t")
    except InterruptedError:
        return seen
    except BotoCoreError as fault:
        return str(fault)


@pytest.mark.parametrize("service", ["appconfigdata", "sts"])
@pytest.mark.parametrize(
    "environment",
    [{}, {"AWS_USE_FIPS_ENDPOINT": "true"}, {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
     {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, {"AWS_STS_REGIONAL_ENDPOINTS": "legacy"}],
)  # fmt: skip
def test_with_two_models_clients_are_those_of_all_models(environ, service, environment):
    import botocore.session

    for name, value in environment.items():
        environ.setenv(name, value)
    whole = botocore.session.Session()
    for region in ("eu-west-1", "us-east-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1",
                   "eu-new-9", "aws-global"):  # fmt: skip
        ours = new_session(region)
        assert signed_with(ours, service, region) == signed_with(whole, service, region), region


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


def test_the_role_s_parameters_are_sent(appconfig, environ):
    with FakeSts(3600) as sts:
        environ.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        client = client_of(appconfig, ROLE_ARN=ROLE, ROLE_EXTERNAL_ID="ext", ROLE_SESSION_NAME="me")
        retrieve(client)
        retrieve(client)
    (asked,) = sts.asked
    assert (asked["RoleArn"], asked["ExternalId"]) == (ROLE, "ext")
    assert asked["RoleSessionName"] == "me"
    assert appconfig.calls[0].access_key == "ASIA1"


def test_the_life_of_a_role_s_credentials_is_asked_for(appconfig, environ):
    with FakeSts(3600) as sts:
        environ.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        settings = Settings.from_env({"SERVICE_ENDPOINT": appconfig.url}, in_lambda=False)
        retrieve(AppConfigData(settings, os.environ, Role(ROLE, duration_s=900)))
    assert sts.asked[0]["DurationSeconds"] == "900"


def test_credentials_are_renewed_before_they_expire(appconfig, environ):
    with FakeSts(300) as sts:
        environ.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        client = client_of(appconfig, ROLE_ARN=ROLE)
        token = begin(client)
        get(client, token)
    assert [call.access_key for call in appconfig.calls] == ["ASIA1", "ASIA2"]
    assert sts.asked[0]["RoleSessionName"] == "AWSAppConfigAgentSession"


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "RequestExpired"])
def test_a_wrong_clock_is_put_right_for_a_role_as_well(appconfig, environ, code):
    with FakeSts(3600 * 3) as sts:
        environ.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        client = client_of(appconfig, ROLE_ARN=ROLE)
        date = formatdate(time.time() + 3600, usegmt=True)
        sts.fail_always(Refusal(403, code, {"Date": date}))
        with pytest.raises(AccessDenied, match=f"AssumeRole: {code}"):
            begin(client)
        assert len(sts.asked) == 2
        sts.heal()
        begin(client)
    signed = time.strptime(appconfig.calls[0].fields["x-amz-date"], "%Y%m%dT%H%M%SZ")
    assert calendar.timegm(signed) > time.time() + 1800
    assert appconfig.count(START) == 1


def test_a_renewal_that_hangs_leaves_time_for_the_call_with_the_kept_credentials(
    appconfig, environ
):
    environ.setattr("fastext.client.RENEWED_AGAIN_S", 0.0)
    with FakeSts(700) as sts:
        environ.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        client = client_of(appconfig, ROLE_ARN=ROLE)
        token = begin(client)
        faults = (Hang(), Drip(0.01), Drip(0.01, "body"), Refusal(500, "InternalFailure"),
                  Refusal(403, "AccessDenied"))  # fmt: skip
        for fault in faults:
            sts.fail_always(fault)
            asked = len(sts.asked)
            token = get(client, token, timeout_s=2.0).next_token
            assert len(sts.asked) > asked
        sts.heal()
        get(client, token)
    used = [call.access_key for call in appconfig.calls]
    assert used[:-1] == ["ASIA1"] * 6
    assert used[-1] != "ASIA1"


def test_a_renewal_that_has_failed_is_not_tried_again_by_the_next_in_the_row(appconfig, environ):
    with FakeSts(300) as sts:
        environ.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        client = client_of(appconfig, ROLE_ARN=ROLE)
        token = begin(client)
        sts.fail_always(Refusal(500, "InternalFailure"))
        for _ in range(3):
            token = get(client, token).next_token
    assert len(sts.asked) == 2


@pytest.mark.parametrize("fault", [Drip(0.01), Raw(b"HTTP/1.1 103 E\r\n\r\n")])
def test_a_deadline_holds_without_anybody_to_expire_it(appconfig, fault):
    client = client_of(appconfig, kind="botocore")
    token = begin(client)
    appconfig.fail_always(GET, fault)
    with pytest.raises(TimedOut, match=r"within 0\.5 s"):
        get(client, token, timeout_s=0.5)


def test_what_sts_repeats_of_a_request_is_not_told(appconfig, environ):
    session_token = "FwoGZXIvYXdzE+/abc=="
    environ.setenv("AWS_SESSION_TOKEN", session_token)
    echo = (
        f"x-amz-security-token: {session_token} {quote(session_token, safe='')} ExternalId="
        "the-external-identifier Credential=AKIAFASTEXT"
    )
    with FakeSts(300) as sts:
        environ.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        sts.fail_always(Refusal(403, "AccessDenied", message=echo))
        client = client_of(appconfig, ROLE_ARN=ROLE, ROLE_EXTERNAL_ID="the-external-identifier")
        with pytest.raises(AccessDenied, match="x-amz-security-token") as raised:
            begin(client)
    for secret in (session_token, "FwoGZXIvYXdz", "the-external"):
        assert secret not in raised.value.message


def test_a_role_s_credentials_live_as_long_as_sts_says_whatever_our_clock_says(appconfig, environ):
    """Three hours ahead: by their Expiration they are none."""
    with FakeSts(3600) as sts:
        environ.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        sts.now = lambda: time.time() - 3 * 3600
        client = client_of(appconfig, ROLE_ARN=ROLE)
        retrieve(client)
        retrieve(client)
    assert len(sts.asked) == 1
    assert {call.access_key for call in appconfig.calls} == {"ASIA1"}


@pytest.mark.parametrize(
    "given",
    [{"Expiration": "2099-01-01T00:00:00"}, {"Expiration": "2000-01-01T00:00:00Z"},
     {"SecretAccessKey": ""}, {"SessionToken": "a\u00e4"}, {"AccessKeyId": "A\u0001"}],
    ids=["no zone", "expired", "no secret", "not ASCII", "a control character"],
)  # fmt: skip
def test_nothing_lasts_of_credentials_that_are_none(appconfig, environ, given):
    with FakeSts(3600) as sts:
        environ.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        client = client_of(appconfig, ROLE_ARN=ROLE)
        sts.given = given
        for _ in range(2):
            with pytest.raises(Unavailable, match="AssumeRole"):
                begin(client)
        sts.given = {}
        begin(client)
    assert appconfig.calls[0].access_key == "ASIA3"


@pytest.mark.parametrize("code", ["UnrecognizedClientException", "InvalidClientTokenId"])
def test_credentials_that_the_service_does_not_know_are_looked_for_again(
    appconfig, container, code
):
    container(200, json.dumps(GIVEN).encode())
    client = client_of(appconfig, kind="botocore")
    appconfig.fail(START, Status(403, code))
    with pytest.raises(AccessDenied):
        begin(client)
    container(200, json.dumps({**GIVEN, "AccessKeyId": "AKIANEW"}).encode())
    begin(client)
    assert [call.access_key for call in appconfig.calls][-1] == "AKIANEW"


def test_a_container_endpoint_that_fails_does_not_take_the_kept_credentials(appconfig, container):
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 12 * 60))
    container(200, json.dumps({**GIVEN, "Expiration": soon}).encode())
    client = client_of(appconfig, kind="botocore")
    token = begin(client)
    container(500, b"no")
    get(client, token, timeout_s=3.0)
    assert {call.access_key for call in appconfig.calls} == {"AKIA"}


def test_a_role_that_is_none_is_said_by_the_name_of_its_variable(appconfig, environ):
    said = "AssumeRole: Invalid length for parameter RoleArn.*; see ROLE_ARN, ROLE_EXTERNAL_ID"
    with pytest.raises(Unavailable, match=said):
        begin(client_of(appconfig, ROLE_ARN="nope"))


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
