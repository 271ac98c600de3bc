"""The fake AppConfig Data service keeps the contract that an independent one keeps."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from fakes.appconfig import FakeAppConfig
from fakes.faults import Status

from dev.control_plane import connect, deploy, stored_flags

KEY = ("contract", "test", "freeform")
PARAMETERS = dict(
    zip(
        ("ApplicationIdentifier", "EnvironmentIdentifier", "ConfigurationProfileIdentifier"),
        KEY,
        strict=True,
    )
)


def data_client(url: str) -> Any:
    return boto3.client(
        "appconfigdata",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )


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


def test_a_session_gives_the_document_once_and_then_its_changes(service):
    client, deploy_content = service
    deploy_content(b"one", "v1")
    first = client.get_latest_configuration(ConfigurationToken=begin(client))
    assert first["Configuration"].read() == b"one"
    assert first["ContentType"] == "text/plain"
    assert first["VersionLabel"] == "v1"
    assert first["NextPollIntervalInSeconds"] > 0
    second = client.get_latest_configuration(ConfigurationToken=first["NextPollConfigurationToken"])
    assert second["Configuration"].read() == b""
    deploy_content(b"two", "v2")
    third = client.get_latest_configuration(ConfigurationToken=second["NextPollConfigurationToken"])
    assert third["Configuration"].read() == b"two"
    assert third["VersionLabel"] == "v2"


def test_a_token_works_once(service):
    client, deploy_content = service
    deploy_content(b"x", "v")
    token = begin(client)
    client.get_latest_configuration(ConfigurationToken=token)["Configuration"].read()
    with pytest.raises(ClientError) as refused:
        client.get_latest_configuration(ConfigurationToken=token)
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
    answer = client.get_latest_configuration(ConfigurationToken=token)
    assert b"version" not in answer["Configuration"].read()


def problem(client: Any, token: str) -> str:
    with pytest.raises(ClientError) as refused:
        client.get_latest_configuration(ConfigurationToken=token)
    details = refused.value.response["Details"]
    found: str = details["InvalidParameters"]["ConfigurationToken"]["Problem"]
    return found


def test_the_fake_names_the_problem_of_a_token():
    with FakeAppConfig() as fake:
        fake.deploy(*KEY, b"x")
        client = data_client(fake.url)
        assert problem(client, "nonsense") == "Corrupted"
        token = begin(client)
        fake.clock_ahead_s = 25 * 3600
        assert problem(client, token) == "Expired"


def test_the_fake_refuses_early_polls_and_keeps_the_token_good():
    with FakeAppConfig() as fake:
        fake.deploy(*KEY, b"x")
        fake.enforce_interval = True
        client = data_client(fake.url)
        first = client.get_latest_configuration(ConfigurationToken=begin(client))
        first["Configuration"].read()  # what is left unread holds its socket open
        token = first["NextPollConfigurationToken"]
        assert problem(client, token) == "PollIntervalNotSatisfied"
        fake.clock_ahead_s = 61
        client.get_latest_configuration(ConfigurationToken=token)["Configuration"].read()


def test_the_fake_plays_a_fault_and_then_works():
    with FakeAppConfig() as fake:
        fake.deploy(*KEY, b"x")
        fake.fail("start", Status(400, "ThrottlingException"))
        client = data_client(fake.url)
        begin(client)  # boto3 retries throttling
        assert fake.count("start") == 2
        assert fake.calls[0].signing_name == "appconfig"
