"""Deploys configurations through the AppConfig control plane, as a user's pipeline would.

Works with the real service and with stand-ins for it: everything is found by name, made where it
is missing, and deployed at once and completely.
"""

import json
from typing import Any

import botocore.session
from botocore.config import Config

FEATURE_FLAGS = "AWS.AppConfig.FeatureFlags"
STRATEGY = "fastext-all-at-once"


def connect(endpoint_url: str) -> Any:
    """An `appconfig` client for a service on this machine, which does not look at credentials."""
    # Without the profile of AWS_PROFILE, which may not exist and has nothing to say here.
    session = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    return session.create_client(
        "appconfig",
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        # Not None, which would mean the proxies of the environment.
        config=Config(proxies={}, connect_timeout=5, read_timeout=10, retries={"max_attempts": 1}),
    )


def deploy(
    client: Any,
    application: str,
    environment: str,
    profile: str,
    content: bytes,
    content_type: str = "application/json",
    *,
    feature_flags: bool = False,
    version_label: str | None = None,
) -> dict[str, str]:
    """Make `content` the deployed version; the IDs of application, environment and profile.

    With `feature_flags` the profile is of that type, and `content` is in the storage form.
    """
    app = _find(client, "applications", application)
    if app is None:
        app = client.create_application(Name=application)["Id"]
    env = _find(client, "environments", environment, ApplicationId=app)
    if env is None:
        env = client.create_environment(ApplicationId=app, Name=environment)["Id"]
    prof = _find(client, "configuration_profiles", profile, ApplicationId=app)
    if prof is None:
        kind = {"Type": FEATURE_FLAGS} if feature_flags else {}
        prof = client.create_configuration_profile(
            ApplicationId=app, Name=profile, LocationUri="hosted", **kind
        )["Id"]
    label = {"VersionLabel": version_label} if version_label else {}
    version = client.create_hosted_configuration_version(
        ApplicationId=app,
        ConfigurationProfileId=prof,
        Content=content,
        ContentType=content_type,
        **label,
    )["VersionNumber"]
    client.start_deployment(
        ApplicationId=app,
        EnvironmentId=env,
        DeploymentStrategyId=_strategy(client),
        ConfigurationProfileId=prof,
        ConfigurationVersion=str(version),
    )
    return {"application": app, "environment": env, "profile": prof}


def latest(client: Any, application: str, profile: str) -> bytes:
    """The content of a profile's newest version. Raises LookupError where there is none."""
    app = _find(client, "applications", application)
    prof = app and _find(client, "configuration_profiles", profile, ApplicationId=app)
    if not prof:
        raise LookupError(f"there is no profile {profile} of an application {application}")
    versions = _items(
        client,
        "hosted_configuration_versions",
        ApplicationId=app,
        ConfigurationProfileId=prof,
    )
    content: bytes = client.get_hosted_configuration_version(
        ApplicationId=app,
        ConfigurationProfileId=prof,
        VersionNumber=max(version["VersionNumber"] for version in versions),
    )["Content"].read()
    return content


def stored_flags(values: dict[str, dict[str, object]]) -> bytes:
    """A feature-flag document in the storage form (schema version 1), from its flags' values."""
    flags = {
        key: {
            "name": key.replace("_", " "),
            "attributes": {
                name: {"constraints": {"type": _type(given)}}
                for name, given in value.items()
                if name != "enabled"
            },
        }
        for key, value in values.items()
    }
    return json.dumps({"version": "1", "flags": flags, "values": values}).encode()


def _type(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "string"


def _items(client: Any, kind: str, **parents: str | None) -> list[dict[str, Any]]:
    pages = client.get_paginator(f"list_{kind}").paginate(**parents)
    return [item for page in pages for item in page["Items"]]


def _find(client: Any, kind: str, name: str, **parents: str) -> str | None:
    items = _items(client, kind, **parents)
    return next((item["Id"] for item in items if item.get("Name") == name), None)


def _strategy(client: Any) -> str:
    found = _find(client, "deployment_strategies", STRATEGY)
    if found:
        return found
    made: str = client.create_deployment_strategy(
        Name=STRATEGY,
        DeploymentDurationInMinutes=0,
        FinalBakeTimeInMinutes=0,
        GrowthFactor=100,
        ReplicateTo="NONE",
    )["Id"]
    return made
