"""The fake AppConfig Data service keeps the contract that an independent one keeps."""

import http.client
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from fakes.appconfig import GET, START, FakeAppConfig

from dev.control_plane import connect, deploy, stored_flags

KEY = ("contract", "test", "freeform")
PARAMETERS = dict(
    zip(
        ("ApplicationIdentifier", "EnvironmentIdentifier", "ConfigurationProfileIdentifier"),
        KEY,
        strict=True,
    )
)


def data_client(url: str, **more: Any) -> Any:
    return boto3.client(
        "appconfigdata",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        **more,
    )


def send(fake: FakeAppConfig, method: str, target: str, body: str) -> tuple[int, Any, bytes]:
    """What comes back for a request that no SDK would make."""
    connection = http.client.HTTPConnection(fake.url.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, target, body)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


@pytest.fixture(params=["fake", "ministack"])
def service(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Callable[[bytes, str], object]]]:
    """A data client and a function that deploys content with a version label."""
    if request.param == "fake":
        with FakeAppConfig() as fake:
            yield (
                data_client(fake.url),
                lambda content, label: fake.deploy(
                    *KEY, content, "text/plain", version_label=label
                ),
            )
    else:
        url = request.getfixturevalue("ministack").url
        control = connect(url)
        yield (
            data_client(url),
            lambda content, label: deploy(
                control, *KEY, content, "text/plain", version_label=label
            ),
        )


def begin(client: Any) -> str:
    token: str = client.start_configuration_session(**PARAMETERS)["InitialConfigurationToken"]
    return token


def get(client: Any, token: str) -> dict[str, Any]:
    """The answer with its body read: one left unread holds its socket open."""
    answer: dict[str, Any] = client.get_latest_configuration(ConfigurationToken=token)
    return {**answer, "Configuration": answer["Configuration"].read()}


def test_a_session_gives_the_document_once_and_then_its_changes(service):
    client, deploy_content = service
    deploy_content(b"one", "v1")
    first = get(client, begin(client))
    assert first["Configuration"] == b"one"
    assert first["ContentType"] == "text/plain"
    assert first["VersionLabel"] == "v1"
    assert first["NextPollIntervalInSeconds"] > 0
    second = get(client, first["NextPollConfigurationToken"])
    assert second["Configuration"] == b""
    deploy_content(b"two", "v2")
    third = get(client, second["NextPollConfigurationToken"])
    assert third["Configuration"] == b"two"
    assert third["VersionLabel"] == "v2"


def test_a_token_works_once(service):
    client, deploy_content = service
    deploy_content(b"x", "v")
    token = begin(client)
    get(client, token)
    with pytest.raises(ClientError) as refused:
        get(client, token)
    assert refused.value.response["Error"]["Code"] == "BadRequestException"


def test_an_unknown_application_is_not_found(service):
    client, _ = service
    with pytest.raises(ClientError) as refused:
        client.start_configuration_session(**{**PARAMETERS, "ApplicationIdentifier": "nobody"})
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_the_independent_service_serves_flags_in_retrieval_form(ministack):
    ids = deploy(
        connect(ministack.url), "contract", "test", "flags",
        stored_flags({"f": {"enabled": True, "n": 1}}), feature_flags=True,
    )  # fmt: skip
    client = data_client(ministack.url)
    token = client.start_configuration_session(
        ApplicationIdentifier=ids["application"],
        EnvironmentIdentifier=ids["environment"],
        ConfigurationProfileIdentifier=ids["profile"],
    )["InitialConfigurationToken"]
    answer = get(client, token)
    assert b"version" not in answer["Configuration"]


# -- what the independent service does not do, and the real one does


def refusal(call: Callable[..., object], **parameters: object) -> Any:
    """The parsed error that `call` ends in."""
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return refused.value.response


def problem(client: Any, token: str) -> str:
    answer = refusal(client.get_latest_configuration, ConfigurationToken=token)
    assert answer["Error"]["Code"] == "BadRequestException"
    assert answer["Reason"] == "InvalidParameters"
    found: str = answer["Details"]["InvalidParameters"]["ConfigurationToken"]["Problem"]
    return found


@pytest.fixture
def fake() -> Iterator[FakeAppConfig]:
    with FakeAppConfig() as fake:
        fake.deploy(*KEY, b"x", version_label="v1")
        yield fake


@pytest.fixture
def client(fake: FakeAppConfig) -> Any:
    return data_client(fake.url)


def test_the_fake_names_the_problem_of_a_token(fake, client):
    assert problem(client, "nonsense") == "Corrupted"
    token = begin(client)
    fake.clock_ahead_s = 25 * 3600
    assert problem(client, token) == "Expired"


def test_the_fake_refuses_early_polls_and_keeps_the_token_good(fake, client):
    fake.enforce_interval = True
    first = get(client, begin(client))
    token = first["NextPollConfigurationToken"]
    assert problem(client, token) == "PollIntervalNotSatisfied"
    fake.clock_ahead_s = 61
    get(client, token)


def test_the_fake_s_unchanged_answer_has_a_type_and_no_label(client):
    first = get(client, begin(client))
    assert first["VersionLabel"] == "v1"
    second = get(client, first["NextPollConfigurationToken"])
    assert second["Configuration"] == b""
    assert second["ContentType"] == "application/json"
    assert "VersionLabel" not in second


@pytest.mark.parametrize(
    ("requested", "told", "answered"),
    [({}, None, 60), ({"RequiredMinimumPollIntervalInSeconds": 15}, None, 15),
     ({"RequiredMinimumPollIntervalInSeconds": 15}, 300, 300)],
)  # fmt: skip
def test_the_fake_echoes_the_interval_unless_told_another(fake, client, requested, told, answered):
    fake.next_poll_interval_s = told
    token = client.start_configuration_session(**PARAMETERS, **requested)
    got = get(client, token["InitialConfigurationToken"])
    assert got["NextPollIntervalInSeconds"] == answered


@pytest.mark.parametrize(
    ("key", "kind", "referenced_by"),
    [
        (("nobody", "-", "-"), "Application", {"ApplicationIdentifier": "nobody"}),
        (("contract", "-", "-"), "ConfigurationProfile", {"ConfigurationProfileIdentifier": "-"}),
        (("contract", "-", "freeform"), "Environment", {"EnvironmentIdentifier": "-"}),
        (("contract", "other", "freeform"), "Deployment",
         {"EnvironmentIdentifier": "other", "ConfigurationProfileIdentifier": "freeform"}),
        # All look like IDs, which the service does not look up one by one.
        (("abc1234", "def5678", "ghi9012"), "Deployment",
         {"EnvironmentIdentifier": "def5678", "ConfigurationProfileIdentifier": "ghi9012"}),
    ],
)  # fmt: skip
def test_the_fake_names_what_is_missing(fake, client, key, kind, referenced_by):
    fake.deploy("contract", "other", "another", b"y")
    answer = refusal(client.start_configuration_session, **dict(zip(PARAMETERS, key, strict=True)))
    assert answer["Error"]["Code"] == "ResourceNotFoundException"
    assert (answer["ResourceType"], answer["ReferencedBy"]) == (kind, referenced_by)
    assert answer["Error"]["Message"] == f"{kind} not found"


def test_the_fake_finds_nothing_after_a_revert(fake, client):
    token = begin(client)
    fake.withdraw(*KEY)
    answer = refusal(client.get_latest_configuration, ConfigurationToken=token)
    assert answer["ResourceType"] == "Configuration"
    assert answer["ReferencedBy"] == {"ConfigurationToken": token}
    answer = refusal(client.start_configuration_session, **PARAMETERS)
    assert answer["ResourceType"] == "Deployment"


@pytest.mark.parametrize(
    "members",
    [{"ApplicationIdentifier": "a" * 129}, {"ApplicationIdentifier": ""}, {},
     {"RequiredMinimumPollIntervalInSeconds": 14}, {"RequiredMinimumPollIntervalInSeconds": 86401},
     {"RequiredMinimumPollIntervalInSeconds": "60"}, [], None],
)  # fmt: skip
def test_the_fake_refuses_what_the_api_s_model_rules_out(fake, members):
    body = json.dumps({**PARAMETERS, **members} if members else members)
    status, fields, content = send(fake, "POST", "/configurationsessions", body)
    assert status == 400
    assert fields["x-amzn-errortype"].startswith("BadRequestException:http")
    assert json.loads(content)["Reason"] == "InvalidParameters"


def test_the_fake_takes_one_access_key_and_knows_the_expired(fake, client):
    fake.access_key = "another"
    answer = refusal(client.start_configuration_session, **PARAMETERS)
    assert answer["Error"]["Code"] == "AccessDeniedException"
    assert "not authorized to perform: appconfig:Start" in answer["Error"]["Message"]
    fake.access_key = "a"
    begin(client)
    fake.expired_access_keys.add("a")
    answer = refusal(client.start_configuration_session, **PARAMETERS)
    assert answer["Error"]["Code"] == "ExpiredTokenException"


def test_the_fake_records_each_call(fake):
    client = data_client(fake.url, aws_session_token="c")
    fake.clock_ahead_s = 1e9
    begin(client)
    fake.withdraw(*KEY)
    refusal(client.start_configuration_session, **PARAMETERS)
    good, refused = fake.calls
    assert (good.operation, good.key, good.status, refused.status) == (START, KEY, 201, 404)
    assert (good.access_key, good.security_token) == ("a", "c")
    assert (good.region, good.signing_name) == ("us-east-1", "appconfig")
    assert good.at_s > 2.5e9
    assert good.body == PARAMETERS
    assert good.fields["content-type"] == "application/json"


def test_the_fake_waits_for_calls_and_says_how_many_came(fake, client):
    waiting = threading.Thread(target=fake.wait_for, args=(START, 2))
    waiting.start()
    begin(client)
    begin(client)
    waiting.join()
    assert (fake.count(START), fake.count(GET), fake.count(START, KEY)) == (2, 0, 2)
    with pytest.raises(TimeoutError, match="2 of 3 calls of start"):
        fake.wait_for(START, 3, timeout_s=0.0)


def test_the_fake_speaks_tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with FakeAppConfig(context) as fake, authority.cert_pem.tempfile() as bundle:
        fake.deploy(*KEY, b"x")
        assert begin(data_client(fake.url, verify=bundle))
