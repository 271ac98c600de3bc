"""Snapshots: written at deploy time, served at a start without the service."""

import email.utils
import json
import os
import subprocess
import time

import pytest
from command_line import run
from fakes.appconfig import START
from fakes.faults import Hang, Reset, Status
from program import COMMAND
from test_backup import FLAGS, KEY, NAME

from dev.control_plane import connect, deploy
from dev.service import free_port
from fastext.backup import decode, encode, file_name
from fastext.document import Document

OLD = b'{"old":{"enabled":true}}'
CLIENTS = ["direct", "botocore"]


def write(folder, content=OLD, age_s=1000.0):
    folder.mkdir(exist_ok=True)
    document = Document(content, "application/json", "shipped")
    (folder / file_name(KEY)).write_bytes(encode(KEY, document, time.time() - age_s))


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "snapshots")
    return tmp_path / "snapshots"


@pytest.fixture(params=CLIENTS)
def extension(request, start, appconfig, lambda_api, folder):
    """The Lambda extension with a snapshot, and with either client."""

    def extension(**variables):
        given = {
            "AWS_LAMBDA_RUNTIME_API": lambda_api.address,
            "AWS_ENDPOINT_URL": appconfig.url,
            "FASTEXT_DATA_CLIENT": request.param,
            "FASTEXT_SNAPSHOT_DIRECTORY": str(folder),
            **variables,
        }
        return start(**given)

    return extension


@pytest.mark.parametrize("fault", [Reset(), Status(500), Status(403)], ids=repr)
@pytest.mark.parametrize("prefetched", [NAME, ""], ids=["prefetched", "asked for"])
def test_a_cold_start_during_an_outage_answers_every_read(extension, appconfig, fault, prefetched):
    appconfig.fail_always(START, fault)
    program = extension(PREFETCH_LIST=prefetched).wait_serving()
    for _ in range(3):
        reply = program.get()
        assert (reply.status, reply.content) == (200, OLD)
        said = email.utils.parsedate_to_datetime(reply.fields["fastext-snapshot"]).timestamp()
        assert abs(time.time() - 1000 - said) < 60
        assert reply.fields["version-label"] == "shipped"
        assert reply.fields["fastext-stale"]
        assert int(reply.fields["age"]) >= 1000
        assert "fastext-backup" not in reply.fields
    program.wait_for_log(f"WARN serving the snapshot of '{NAME}'")
    assert program.stop() == 0


def test_a_service_that_hangs_is_waited_for_no_longer_than_the_budget(extension, appconfig):
    appconfig.fail_always(START, Hang())
    program = extension(
        PREFETCH_LIST=NAME, FASTEXT_FIRST_FETCH_BUDGET_MILLIS="50", POLL_TIMEOUT_MILLIS="8000"
    ).wait_serving()
    program.wait_for_log("INFO started in")
    assert "are not prefetched within" not in program.log
    reply = program.get()
    assert (reply.content, reply.fields["fastext-stale"]) == (OLD, "TimedOut")
    assert "fastext-snapshot" in reply.fields


def test_it_is_replaced_as_soon_as_the_service_answers(start, appconfig, folder):
    appconfig.next_poll_interval_s = 0
    appconfig.fail_always(START, Reset())
    program = start(
        AWS_ENDPOINT_URL=appconfig.url,
        FASTEXT_SNAPSHOT_DIRECTORY=str(folder),
        POLL_INTERVAL_SECONDS="50ms",
    ).wait_serving()
    assert program.get().content == OLD
    appconfig.heal()
    program.wait_for_log(f"updated cache data for '{NAME}'")
    reply = program.get()
    assert (reply.content, reply.fields["configuration-version"]) == (FLAGS, "2")
    assert not {"fastext-snapshot", "fastext-stale"} & reply.fields.keys()


def test_it_is_not_served_where_the_service_answers(start, appconfig, folder):
    program = start(
        AWS_ENDPOINT_URL=appconfig.url, FASTEXT_SNAPSHOT_DIRECTORY=str(folder), PREFETCH_LIST=NAME
    ).wait_serving()
    reply = program.get()
    assert reply.content == FLAGS
    assert "fastext-snapshot" not in reply.fields


def test_a_backup_takes_its_place(start, appconfig, folder, tmp_path):
    write(tmp_path / "backups", b'{"newer":{"enabled":true}}', age_s=10.0)
    appconfig.fail_always(START, Reset())
    program = start(
        AWS_ENDPOINT_URL=appconfig.url,
        FASTEXT_SNAPSHOT_DIRECTORY=str(folder),
        BACKUP_DIRECTORY=str(tmp_path / "backups"),
    ).wait_serving()
    reply = program.get()
    assert reply.content == b'{"newer":{"enabled":true}}'
    assert "fastext-backup" in reply.fields


def test_what_is_damaged_is_ignored_with_one_line(start, appconfig, folder):
    path = folder / file_name(KEY)
    path.write_bytes(path.read_bytes()[:-1])
    appconfig.fail_always(START, Reset())
    program = start(
        AWS_ENDPOINT_URL=appconfig.url, FASTEXT_SNAPSHOT_DIRECTORY=str(folder)
    ).wait_serving()
    assert program.get().status == 502
    assert program.log.count("WARN snapshot") == 1
    assert f"'{path}' is damaged; it is ignored" in program.log


def test_a_folder_that_is_not_there_is_told_of(start, appconfig, tmp_path):
    missing = tmp_path / "missing"
    program = start(
        AWS_ENDPOINT_URL=appconfig.url,
        FASTEXT_SNAPSHOT_DIRECTORY=str(missing),
        BACKUP_DIRECTORY=str(tmp_path / "made later"),
    ).wait_serving()
    assert program.get().content == FLAGS
    assert f"WARN snapshot folder '{missing}' is not there" in program.log
    assert program.log.count(" WARN ") == 1


def test_the_folder_is_read_only_for_us(start, appconfig, folder):
    appconfig.next_poll_interval_s = 0
    before = (folder / file_name(KEY)).read_bytes()
    program = start(
        AWS_ENDPOINT_URL=appconfig.url, FASTEXT_SNAPSHOT_DIRECTORY=str(folder)
    ).wait_serving()
    assert program.get().content == FLAGS
    assert program.stop() == 0
    assert [path.name for path in folder.iterdir()] == [file_name(KEY)]
    assert (folder / file_name(KEY)).read_bytes() == before


# ---------------------------------------------------------------- the command


def take(appconfig, *arguments, **variables):
    environ = {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": "AKIAFASTEXT",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": appconfig.url,
        **variables,
    }
    return subprocess.run(
        [COMMAND, "snapshot", *arguments],
        env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_what_the_command_writes_is_served_in_an_outage(start, appconfig, tmp_path):
    folder = tmp_path / "out" / "snapshots"
    ran = take(appconfig, NAME, "--directory", str(folder))
    assert ran.returncode == 0, ran.stderr
    path = folder / file_name(KEY)
    assert ran.stdout == f"{NAME}: {len(FLAGS)} bytes in {path}\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert decode(path.read_bytes()).content == FLAGS
    appconfig.fail_always(START, Reset())
    program = start(
        AWS_ENDPOINT_URL=appconfig.url, FASTEXT_SNAPSHOT_DIRECTORY=str(folder)
    ).wait_serving()
    reply = program.get()
    assert (reply.content, reply.fields["version-label"]) == (FLAGS, "v1")
    assert "fastext-snapshot" in reply.fields


def test_what_an_independent_service_has_is_served_when_it_is_gone(start, ministack, tmp_path):
    content = "prix: 1 €\n".encode()
    deploy(connect(ministack.url), "snapshots", "test", "prices", content, "application/yaml")
    name = "snapshots:test:prices"
    ran = take(ministack, name, "--directory", str(tmp_path), "--json", AWS_REGION="us-east-1")
    assert ran.returncode == 0, ran.stderr
    (told,) = json.loads(ran.stdout)["snapshots"]
    assert (told["configuration"], told["bytes"]) == (name, len(content))
    gone = f"http://127.0.0.1:{free_port()}"
    program = start(
        AWS_ENDPOINT_URL=gone, FASTEXT_SNAPSHOT_DIRECTORY=str(tmp_path), PREFETCH_LIST=name
    ).wait_serving()
    reply = program.get("/applications/snapshots/environments/test/configurations/prices")
    assert (reply.status, reply.content) == (200, content)
    assert reply.fields["content-type"] == "application/yaml"
    assert "fastext-snapshot" in reply.fields


def test_one_that_cannot_be_had_leaves_the_others_and_its_old_file(appconfig, tmp_path):
    write(tmp_path)
    old = (tmp_path / file_name(KEY)).read_bytes()
    ran = take(appconfig, "shop:production:nothing", "--directory", str(tmp_path), "--json")
    assert ran.returncode == 1
    assert "fastext snapshot: 'shop:production:nothing': " in ran.stderr
    appconfig.fail_always(START, Status(403))
    assert take(appconfig, NAME, "--directory", str(tmp_path)).returncode == 1
    assert (tmp_path / file_name(KEY)).read_bytes() == old


@pytest.mark.parametrize("name", ["shop", "shop:production", "a:b:c:d"])
def test_a_name_that_is_none_is_refused(tmp_path, name):
    ran = run("snapshot", name, "--directory", str(tmp_path))
    assert ran.returncode == 2
    assert name in ran.stderr
