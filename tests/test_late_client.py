"""The botocore client is imported by whoever needs it first, and once."""

import os
from concurrent.futures import ThreadPoolExecutor

import aws
import pytest
from aws import KEY
from conftest import FLAGS

from fastext.deadline import Deadline
from fastext.late_client import LateClient
from fastext.settings import Settings


@pytest.fixture(autouse=True)
def environ(monkeypatch):
    return aws.clean(monkeypatch)


def test_it_is_loaded_once_and_calls(appconfig):
    settings = Settings.from_env({"SERVICE_ENDPOINT": appconfig.url}, in_lambda=False)
    client = LateClient(settings, os.environ)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: client.load(), range(4))) == [None] * 4
    token = client.start_configuration_session(KEY, 45, Deadline(5))
    assert client.get_latest_configuration(token, Deadline(5)).content == FLAGS
