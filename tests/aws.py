"""Clients of the AppConfig Data API as the product makes them, for tests on loopback."""

import os
import threading

import pytest

from fastext.client import AppConfigData
from fastext.deadline import Deadline
from fastext.direct import DirectAppConfigData, plan
from fastext.errors import TimedOut
from fastext.settings import Settings

KEY = ("shop", "production", "features")
FOREIGN = ("AWS_", "SSL_CERT", "REQUESTS_CA", "FASTEXT_", "BOTO_")


def clean(monkeypatch):
    """An environment with credentials and nothing else that concerns the clients."""
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


def client_of(service=None, *, kind="", **variables):
    """A client with these variables, given without their prefix.

    `kind` is `direct` or `botocore`; without it the settings decide, as in the product.
    """
    if service is not None:
        variables.setdefault("SERVICE_ENDPOINT", service.url)
    prefixed = {f"AWS_APPCONFIG_EXTENSION_{name}": value for name, value in variables.items()}
    settings = Settings.from_env(prefixed, in_lambda=True)
    assert settings.problems == ()
    planned = plan(settings, os.environ) if kind != "botocore" else None
    assert planned is not None or kind != "direct", "the direct client does not suffice"
    return DirectAppConfigData(planned) if planned else AppConfigData(settings, os.environ)


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
