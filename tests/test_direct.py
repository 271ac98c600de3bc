"""The direct client: where it suffices, and that it sends what botocore sends."""

import json
import time
from email.utils import formatdate

import aws
import pytest
from aws import KEY, begin, get, retrieve
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from fakes.appconfig import GET, START
from fakes.faults import Status

from fastext.credentials import Container, Fixed
from fastext.deadline import Deadline
from fastext.direct import DirectAppConfigData, plan
from fastext.errors import AccessDenied, FastextError, Unavailable
from fastext.settings import Settings

LAMBDA = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1",
          "AWS_SESSION_TOKEN": "token", "HOME": "/nonexistent"}  # fmt: skip
CONTAINER = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
             "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/c",
             "AWS_CONTAINER_AUTHORIZATION_TOKEN": "t"}  # fmt: skip


@pytest.fixture(autouse=True)
def environ(monkeypatch):
    return aws.clean(monkeypatch)


@pytest.fixture
def client_of():
    clients = []

    def client_of(service, **variables):
        clients.append(aws.client_of(service, kind="direct", **variables))
        return clients[-1]

    yield client_of
    for client in clients:
        client.close()


def planned(**environ):
    environ = {**LAMBDA, **environ}
    return plan(Settings.from_env(environ, in_lambda=True), environ)


# ---------------------------------------------------------------- where it suffices


def test_an_ordinary_function_needs_no_botocore():
    found = planned()
    assert found.endpoint == ("https", "appconfigdata.eu-west-1.amazonaws.com", 443, "")
    assert found.region == "eu-west-1"
    assert isinstance(found.credentials, Fixed)


@pytest.mark.parametrize(
    "environ",
    [{}, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://[fd00:ec2::23]/v1/credentials"},
     {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "https://credentials.example/x"},
     {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
      "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/1"}],
)  # fmt: skip
def test_nor_does_one_with_container_credentials(environ):
    assert isinstance(planned(**{**CONTAINER, **environ}).credentials, Container)


PREFIX = "AWS_APPCONFIG_EXTENSION_"


@pytest.mark.parametrize(
    "environ",
    [
        {"FASTEXT_DATA_CLIENT": "botocore"},
        {PREFIX + "PROXY_URL": "http://proxy"},
        {PREFIX + "ROLE_ARN": "arn"},
        {"HTTPS_PROXY": "http://proxy"},
        {"http_proxy": "http://proxy"},
        {"all_proxy": "http://proxy"},
        {"Https_Proxy": "http://proxy"},
        {"hTTP_proxy": "http://proxy"},
        {"All_Proxy": "http://proxy"},
        {"AWS_PROFILE": "p"},
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "/f"},
        {"AWS_ROLE_ARN": "arn"},
        {"AWS_CONFIG_FILE": __file__},
        {"AWS_SHARED_CREDENTIALS_FILE": __file__},
        {"AWS_CONFIG_FILE": "~/cfg"},
        {"AWS_SHARED_CREDENTIALS_FILE": "$HOME/crd"},
        {"AWS_REGION": ""},
        {"AWS_REGION": "moon-north-1"},
        {"AWS_REGION": "eu west"},
        *(
            {"AWS_REGION": region, "AWS_ENDPOINT_URL": "http://h"}
            for region in ("fips-us-east-1", "us-east-1-fips", "-a", "a-", "1", "x" * 64, "a_b")
        ),
        {"AWS_ENDPOINT_URL": "http://h:65536"},
        {"AWS_ENDPOINT_URL": "http://h:" + "9" * 5000},
        {"AWS_ENDPOINT_URL": "http://h/a//b"},
        {"AWS_ENDPOINT_URL": "http://h/a/../b"},
        {"AWS_ACCESS_KEY_ID": ""},
        {**CONTAINER, "AWS_CONTAINER_CREDENTIALS_FULL_URI": ""},
        {**CONTAINER, "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://elsewhere.example/"},
        {"AWS_ENDPOINT_URL": "http://user:pass@host"},
        {"AWS_ENDPOINT_URL": "http://host", "AWS_USE_FIPS_ENDPOINT": "true"},
    ],
)
def test_whatever_else_is_asked_for_is_left_to_botocore(environ):
    assert planned(**environ) is None


def test_a_shared_configuration_in_the_home_folder_is_seen(tmp_path, monkeypatch):
    (tmp_path / ".aws").mkdir()
    assert planned(HOME=str(tmp_path)) is not None
    (tmp_path / ".aws" / "credentials").write_text("")
    assert planned(HOME=str(tmp_path)) is None
    # Where there is no HOME, it is what the system says of the user.
    monkeypatch.setattr("os.path.expanduser", lambda path: path.replace("~", str(tmp_path)))
    environ = {name: value for name, value in LAMBDA.items() if name != "HOME"}
    assert plan(Settings.from_env(environ, in_lambda=True), environ) is None


@pytest.mark.parametrize(
    ("environ", "endpoint"),
    [({PREFIX + "SERVICE_ENDPOINT": "http://a:1", "AWS_ENDPOINT_URL": "http://b"},
      ("http", "a", 1, "")),
     ({"AWS_ENDPOINT_URL": "https://b/x/"}, ("https", "b", 443, "/x")),
     ({"AWS_USE_FIPS_ENDPOINT": "TRUE"},
      ("https", "appconfigdata-fips.eu-west-1.amazonaws.com", 443, "")),
     ({PREFIX + "SERVICE_REGION": "cn-north-1", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
      ("https", "appconfigdata.cn-north-1.api.amazonwebservices.com.cn", 443, ""))],
)  # fmt: skip
def test_the_endpoint_is_found_in_its_order(environ, endpoint):
    assert planned(**environ).endpoint == endpoint


# ---------------------------------------------------------------- what it sends


@pytest.mark.parametrize(
    "key", [KEY, ("a b", 'ü"\\\n', "\N{PILE OF POO}"), ("x" * 128, "/", "%2F")]
)
@pytest.mark.parametrize("session_token", ["", "session/token+=="])
def test_it_sends_what_botocore_sends(client_of, appconfig, environ, key, session_token):
    if session_token:
        environ.setenv("AWS_SESSION_TOKEN", session_token)
    appconfig.deploy(*key, b"content")
    for client in (client_of(appconfig), aws.client_of(appconfig, kind="botocore")):
        got = retrieve_key(client, key)
        assert got.content == b"content"
    direct_start, direct_get, full_start, full_get = appconfig.calls
    assert direct_start.body == full_start.body
    assert direct_get.operation == full_get.operation == GET
    for ours, theirs in ((direct_start, full_start), (direct_get, full_get)):
        for name in ("host", "content-type", "x-amz-security-token"):
            assert ours.fields.get(name) == theirs.fields.get(name), name
        assert signed_names(ours) == signed_names(theirs)
        assert (ours.access_key, ours.region, ours.signing_name) == (
            theirs.access_key, theirs.region, theirs.signing_name,
        )  # fmt: skip


def signed_names(call):
    return call.fields["authorization"].partition("SignedHeaders=")[2].partition(",")[0]


def retrieve_key(client, key):
    token = client.start_configuration_session(key, 45, Deadline(10))
    return get(client, token)


def test_the_signature_on_the_wire_is_the_one_that_botocore_makes_of_the_request(
    client_of, appconfig, environ
):
    environ.setenv("AWS_SESSION_TOKEN", "session/token+==")
    retrieve(client_of(appconfig))
    for call in appconfig.calls:
        fields = call.fields
        signed = signed_names(call).split(";")
        request = AWSRequest(
            "POST" if call.operation == START else "GET",
            appconfig.url + call.target,
            headers={name: fields[name] for name in signed if name in fields},
            data=call.content,
        )
        request.context["timestamp"] = fields["x-amz-date"]
        signer = SigV4Auth(Credentials("AKIAFASTEXT", "secret"), "appconfig", "eu-west-1")
        canonical = signer.canonical_request(request)
        signature = signer.signature(signer.string_to_sign(request, canonical), request)
        assert fields["authorization"].endswith(f"Signature={signature}")


# ---------------------------------------------------------------- clock and credentials


def test_a_wrong_clock_is_put_right_by_the_service_s_date(appconfig):
    settings = Settings.from_env({PREFIX + "SERVICE_ENDPOINT": appconfig.url}, in_lambda=True)
    client = DirectAppConfigData(plan(settings, LAMBDA), now=lambda: time.time() - 3600)
    skewed = Status(403, "InvalidSignatureException", fields={"Date": formatdate(usegmt=True)})
    appconfig.fail(START, skewed)
    begin(client)
    first, second = appconfig.calls
    assert first.fields["x-amz-date"] < second.fields["x-amz-date"]
    drift = time.time() - time.mktime(time.strptime(second.fields["x-amz-date"], "%Y%m%dT%H%M%SZ"))
    assert abs(drift + time.timezone) < 60
    appconfig.fail(START, skewed)
    with pytest.raises(AccessDenied):
        begin(client)
    client.close()


class Renewable:
    """Credentials whose access key changes when they are refused."""

    renewable = True
    number = 1

    def get(self, deadline):
        from fastext.credentials import Credentials

        return Credentials(f"AKIA{self.number}", "s", "")

    def refused(self):
        self.number += 1


def test_expired_credentials_are_renewed_at_once(appconfig):
    settings = Settings.from_env({PREFIX + "SERVICE_ENDPOINT": appconfig.url}, in_lambda=True)
    planned = plan(settings, LAMBDA)
    planned.credentials = Renewable()
    client = DirectAppConfigData(planned)
    appconfig.fail(START, Status(403, "ExpiredTokenException"))
    begin(client)
    assert [call.access_key for call in appconfig.calls] == ["AKIA1", "AKIA2"]
    client.close()


def test_no_module_is_imported_before_the_main_thread_is_done(appconfig):
    settings = Settings.from_env({PREFIX + "SERVICE_ENDPOINT": appconfig.url}, in_lambda=True)
    waited = []
    client = DirectAppConfigData(plan(settings, LAMBDA), lambda: waited.append(1))
    retrieve(client)
    assert waited == [], "good answers need none"
    with pytest.raises(FastextError):
        begin(client, ("nobody", "e", "c"))
    assert waited
    client.close()


def test_a_token_of_the_container_that_cannot_be_read_is_said(environ, tmp_path):
    variables = {**CONTAINER, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "none")}
    credentials = planned(**variables).credentials
    with pytest.raises(Unavailable, match="cannot read their token"):
        credentials.get(Deadline(10))
    (tmp_path / "none").write_text("a\r\nb: c")
    with pytest.raises(Unavailable, match="control characters"):
        credentials.get(Deadline(10))


def test_it_loads_nothing_heavy():
    import subprocess
    import sys

    script = (
        "import sys; sys.path[:0] = " + repr(sys.path) + "\nimport fastext.head_start\n"
        "print(__import__('json').dumps([m for m in ('asyncio', 'typing', 'json', 'botocore', "
        "'urllib3', 'email', 'http.client', 'uvloop', 'orjson', 'datetime') if m in sys.modules]))"
    )
    answer = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True)
    assert json.loads(answer.stdout) == ["json"] or json.loads(answer.stdout) == []
