"""Manifests, in the real process: several accounts, copies, a manifest that changes."""

import json
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import FLAGS
from fakes.appconfig import GET, START
from fakes.faults import Gate
from fakes.sts import FakeSts
from program import FEATURES
from waiting import until

NAME = "shop:production:features"
KEY = ("shop", "production", "features")
MANIFEST = ("ops", "production", "manifest")
ROLES = {letter: f"arn:aws:iam::{letter * 12}:role/reader" for letter in "123"}


def by_role(letter, **more):
    return {"credentials": {"roleArn": ROLES[letter], **more}}


def path_of(name):
    return "/applications/{}/environments/{}/configurations/{}".format(*name.split(":"))


@pytest.fixture
def sts():
    with FakeSts(3600) as sts:
        yield sts


@pytest.fixture
def agent(start, appconfig, sts):
    def agent(**variables):
        return start(
            AWS_ENDPOINT_URL_APPCONFIGDATA=appconfig.url, AWS_ENDPOINT_URL_STS=sts.url, **variables
        )

    return agent


def access_keys(appconfig):
    return {":".join(call.key): call.access_key for call in appconfig.calls if call.key}


# ---------------------------------------------------------------- a manifest as it is


def test_each_configuration_is_read_by_its_own_role(agent, appconfig, sts):
    for profile in ("one", "two", "none"):
        appconfig.deploy("shop", "production", profile, FLAGS)
    manifest = {
        "shop:production:one": by_role("1", roleExternalId="ext", roleSessionName="me"),
        "shop:production:two": by_role("2", credentialsDuration="1h"),
        "shop:production:none": {},
    }
    program = agent(MANIFEST=json.dumps(manifest), PREFETCH_LIST=NAME).wait_serving()
    program.wait_for_log("retrieved initial data", 4)
    assert {asked["RoleArn"] for asked in sts.asked} == {ROLES["1"], ROLES["2"]}
    one, two = sorted(sts.asked, key=lambda asked: asked["RoleArn"])
    assert (one["ExternalId"], one["RoleSessionName"]) == ("ext", "me")
    assert "DurationSeconds" not in one
    assert (two["DurationSeconds"], two["RoleSessionName"]) == ("3600", "AWSAppConfigAgentSession")
    keys = access_keys(appconfig)
    assert keys["shop:production:none"] == keys[NAME] == "AKIAFASTEXT"
    assert {keys["shop:production:one"], keys["shop:production:two"]} == {"ASIA1", "ASIA2"}


def test_a_role_is_assumed_once_for_all_that_share_it(agent, appconfig, sts):
    appconfig.deploy("shop", "production", "one", FLAGS)
    manifest = {NAME: by_role("1"), "shop:production:one": by_role("1")}
    program = agent(MANIFEST=json.dumps(manifest))
    program.wait_for_log("retrieved initial data", 2)
    assert len(sts.asked) == 1


def test_a_configuration_whose_role_is_refused_does_not_hold_up_others(agent, appconfig, start):
    appconfig.deploy("shop", "production", "one", FLAGS)
    manifest = {NAME: {}, "shop:production:one": by_role("1")}
    program = start(
        AWS_ENDPOINT_URL_APPCONFIGDATA=appconfig.url,
        AWS_ENDPOINT_URL_STS="http://127.0.0.1:1",
        MANIFEST=json.dumps(manifest),
    ).wait_serving()
    assert program.get().content == FLAGS
    program.wait_for_log("retrieve failure for 'shop:production:one': .*AssumeRole")
    assert program.get(path_of("shop:production:one")).status == 502


def test_a_manifest_may_be_a_file(agent, appconfig, tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({NAME: {"pollEvery": 3}}))
    for source in (f"file:{path}", f"file://{path}"):
        program = agent(MANIFEST=source)
        program.wait_for_log("retrieved initial data for 'shop:production:features'")
        assert f'WARN manifest: $["{NAME}"]["pollEvery"]: is not known' in program.log


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('{"shop:production:features": {"credentials": {}}}',
         r'MANIFEST: \$\["shop:production:features"\].credentials.roleArn: is missing; '),
        ("file:/nonexistent", r"MANIFEST: .*No such file.*; there is no manifest"),
        ("file:/dev/zero", r"MANIFEST: .*not a regular file.*; there is no manifest"),
        ("shop:features", r"MANIFEST: 'shop:features': .*; there is no manifest"),
    ],
)  # fmt: skip
def test_a_faulty_manifest_is_refused_whole_and_all_else_works(agent, source, message):
    program = agent(MANIFEST=source).wait_serving()
    assert program.get().content == FLAGS
    program.wait_for_log(f"ERROR {message}")
    assert program.log.count("ERROR") == 1


def test_the_extension_has_it_too(start, appconfig, lambda_api, sts):
    program = start(
        AWS_LAMBDA_RUNTIME_API=lambda_api.address,
        AWS_ENDPOINT_URL_APPCONFIGDATA=appconfig.url,
        AWS_ENDPOINT_URL_STS=sts.url,
        MANIFEST=json.dumps({NAME: by_role("1")}),
    )
    lambda_api.wait_next(1)
    assert access_keys(appconfig) == {NAME: "ASIA1"}
    assert program.get().content == FLAGS
    lambda_api.shutdown()
    assert program.wait() == 0


# ---------------------------------------------------------------- copies


def test_copies_are_written_and_rewritten(agent, appconfig, tmp_path):
    appconfig.next_poll_interval_s = 0
    path = tmp_path / "deep" / "features.json"
    program = agent(
        MANIFEST=json.dumps({NAME: {"writeTo": {"path": str(path)}}}),
        FASTEXT_WRITE_ROOTS=str(tmp_path),
        POLL_INTERVAL_SECONDS="50ms",
    )
    program.wait_for_log(f"INFO wrote configuration '{NAME}' to {path}")
    assert path.read_bytes() == FLAGS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    appconfig.deploy(*KEY, b'{"new":{"enabled":true}}')
    program.wait_for_log("wrote configuration", 2)
    assert path.read_bytes() == b'{"new":{"enabled":true}}'
    assert len(list(path.parent.iterdir())) == 1


def test_a_copy_that_cannot_be_written_is_said_and_served_all_the_same(agent, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    outside = tmp_path / "link"
    outside.symlink_to("/usr")
    for place in ("file", "link"):
        manifest = {NAME: {"writeTo": {"path": str(tmp_path / place / "x")}}}
        program = agent(MANIFEST=json.dumps(manifest), FASTEXT_WRITE_ROOTS=str(tmp_path))
        program.wait_for_log(f"ERROR cannot write configuration '{NAME}' to {tmp_path}/{place}/x")
        assert program.get().content == FLAGS


# ---------------------------------------------------------------- a manifest that is followed


def follow(agent, **variables):
    return agent(MANIFEST=":".join(MANIFEST), POLL_INTERVAL_SECONDS="50ms", **variables)


@pytest.fixture
def manifest(appconfig):
    """Deploys a manifest as a configuration of its own."""
    appconfig.next_poll_interval_s = 0

    def deploy(content):
        text = content if isinstance(content, str) else json.dumps(content)
        appconfig.deploy(*MANIFEST, text.encode(), "application/json")

    return deploy


def test_a_manifest_is_followed_as_it_changes(agent, appconfig, manifest, sts, tmp_path):
    appconfig.deploy("shop", "production", "one", FLAGS)
    manifest({NAME: {}})
    program = follow(agent, FASTEXT_WRITE_ROOTS=str(tmp_path))
    program.wait_for_log(f"retrieved initial data for '{NAME}'")
    assert access_keys(appconfig)[NAME] == "AKIAFASTEXT"

    copy = tmp_path / "copy"
    manifest({NAME: {**by_role("1"), "writeTo": {"path": str(copy)}}, "shop:production:one": {}})
    program.wait_for_log("retrieved initial data for 'shop:production:one'")
    program.wait_for_log(f"wrote configuration '{NAME}'")
    assert copy.read_bytes() == FLAGS
    until(lambda: access_keys(appconfig)[NAME] == "ASIA1")

    manifest({"shop:production:one": {}})
    program.wait_for_log("the manifest 'ops:production:manifest' lists 1 configurations", 2)
    until(lambda: access_keys(appconfig)[NAME] == "AKIAFASTEXT")


def test_a_faulty_change_is_refused_and_the_one_before_it_holds(agent, appconfig, manifest, sts):
    manifest({NAME: by_role("1")})
    program = follow(agent)
    program.wait_for_log(f"retrieved initial data for '{NAME}'")
    manifest({NAME: {"credentials": {}}})
    program.wait_for_log(
        r"ERROR manifest 'ops:production:manifest': \$\[.*roleArn: is missing; the one before"
    )
    polls = appconfig.count(GET, KEY)
    until(lambda: appconfig.count(GET, KEY) >= polls + 3)
    assert access_keys(appconfig)[NAME] == "ASIA1"
    assert program.log.count("ERROR") == 1


def test_the_first_requests_wait_for_the_manifest(agent, appconfig, manifest):
    manifest({NAME: by_role("1")})
    gate = threading.Event()
    appconfig.fail(GET, Gate(gate), key=MANIFEST)
    program = follow(agent).wait_serving()
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(program.get)
        appconfig.wait_for(START, 1, key=MANIFEST)
        assert appconfig.count(START, KEY) == 0
        gate.set()
        assert reply.result(20).content == FLAGS
    assert access_keys(appconfig)[NAME] == "ASIA1"


def test_or_they_do_not_where_that_is_asked_for(agent, appconfig, manifest):
    manifest({NAME: by_role("1")})
    gate = threading.Event()
    appconfig.fail(GET, Gate(gate), key=MANIFEST)
    program = follow(agent, WAIT_ON_MANIFEST="false").wait_serving()
    assert program.get().content == FLAGS
    assert access_keys(appconfig)[NAME] == "AKIAFASTEXT"
    gate.set()
    until(lambda: access_keys(appconfig)[NAME] == "ASIA1")


def test_without_its_manifest_the_agent_serves_and_says_so(agent, appconfig):
    program = follow(agent).wait_serving()
    assert program.get(FEATURES).content == FLAGS
    program.wait_for_log("WARN the manifest 'ops:production:manifest' is not known; until it is")
