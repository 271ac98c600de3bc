"""The files of backups, and a start with them in the real process."""

import email.utils
import hashlib
import json
import os
import time

import pytest
from conftest import FLAGS
from fakes.appconfig import GET, START
from fakes.faults import Hang
from hypothesis import given
from hypothesis import strategies as st
from program import FEATURES
from waiting import until

from fastext.backup import MAX_BYTES, decode, encode, file_name, load, remove_drafts
from fastext.document import Document
from fastext.errors import BackupError

KEY = ("shop", "production", "features")
NAME = ":".join(KEY)


def document(content=FLAGS, version=3):
    return Document(content, "application/json", "v1", version)


# ---------------------------------------------------------------- files


NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=128)


@given(
    key=st.tuples(NAMES, NAMES, NAMES),
    content=st.binary(),
    version=st.integers(1, 2**40),
    saved_at=st.floats(1, 2e11),
)
def test_what_was_encoded_is_decoded(key, content, version, saved_at):
    backup = decode(encode(key, document(content, version), saved_at))
    assert (backup.key, backup.content) == (key, content)
    assert (backup.version, backup.saved_at) == (version, saved_at)
    assert (backup.content_type, backup.version_label) == ("application/json", "v1")


@given(st.data())
def test_a_file_that_is_torn_or_flipped_is_no_backup(data):
    whole = bytearray(encode(KEY, document(), 1e9))
    place = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        damaged = bytes(whole[:place])
    else:
        whole[place] ^= 1 << data.draw(st.integers(0, 7))
        damaged = bytes(whole)
    with pytest.raises(BackupError, match=r"no backup of this version|damaged"):
        decode(damaged)


def signed(body):
    return b"fastext-backup 1 " + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


GOOD = {"key": KEY, "contentType": "", "versionLabel": "", "version": 1, "savedAt": 1.5}
NOT_GOOD = [
    ("key", ["a"]), ("key", "abc"), ("key", {}), ("key", ["a", "b", 5]), ("key", ["", "b", "c"]),
    ("key", ["a" * 129, "b", "c"]), ("key", ["a\n", "b", "c"]), ("key", ["\ud800", "b", "c"]),
    ("contentType", 5), ("contentType", "x" * 20_000), ("versionLabel", None),
    ("version", 0), ("version", "1"), ("version", 1.0), ("version", True), ("version", 2**63),
    ("version", float("inf")), ("version", [1]), ("savedAt", 0), ("savedAt", "1"),
    ("savedAt", 1e12), ("savedAt", 10**400), ("savedAt", float("nan")),
]  # fmt: skip
DAMAGED = [
    *(json.dumps({**GOOD, name: value}).encode() for name, value in NOT_GOOD),
    *(json.dumps({n: v for n, v in GOOD.items() if n != name}).encode() for name in GOOD),
    b"", b"{", b"[]", b"{}", b"\xff", b"[" * 200_000, b"[" * 10_000,
    b'{"version":' + b"9" * 5000 + b"}",
]  # fmt: skip


@pytest.mark.parametrize("head", DAMAGED, ids=range(len(DAMAGED)))
def test_a_whole_file_that_says_nothing_of_use_is_no_backup(head):
    for body in (head, head + b"\n"):
        with pytest.raises(BackupError):
            decode(signed(body))


def test_what_is_as_it_should_be_is_a_backup():
    assert decode(signed(json.dumps(GOOD).encode() + b"\nx")).content == b"x"


def test_what_nobody_foresaw_of_one_file_is_told_and_the_others_are_read(tmp_path, monkeypatch):
    other = ("shop", "production", "other")
    for key in (KEY, other):
        (tmp_path / file_name(key)).write_bytes(encode(key, document(), 1000.0))

    def fail_for_one(content):
        if b"other" in content:
            raise MemoryError
        return decode(content)

    monkeypatch.setattr("fastext.backup.decode", fail_for_one)
    [backup], [problem] = load(str(tmp_path))
    assert backup.key == KEY
    assert "MemoryError" in problem


def test_drafts_that_killed_processes_have_left_are_removed_and_nothing_else(tmp_path):
    draft = f"{file_name(KEY)}.12.0123abcd.tmp"
    others = [file_name(KEY), f"{file_name(KEY)}.12.0123abce.tmp", f"x{draft}", f"{draft}.tmp",
              f"{file_name(KEY)}.me.0123abcd.tmp", "notes.backup.1.0123abcd.tmp"]  # fmt: skip
    for name in (draft, *others):
        (tmp_path / name).write_bytes(b"x")
        long_ago = time.time() - (10 if "abce" in name else 100)
        os.utime(tmp_path / name, (long_ago, long_ago))
    remove_drafts(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == sorted(others)
    remove_drafts(str(tmp_path / "missing"))


def test_a_folder_is_read_past_whatever_else_lies_there(tmp_path):
    other = ("shop", "production", "other")
    (tmp_path / file_name(KEY)).write_bytes(encode(KEY, document(), 1000.0))
    (tmp_path / file_name(other)).write_bytes(encode(other, document(), 2000.0))
    (tmp_path / file_name(("torn",) * 3)).write_bytes(encode(KEY, document(), 1.0)[:-1])
    (tmp_path / file_name(("moved",) * 3)).write_bytes(encode(KEY, document(), 1.0))
    (tmp_path / f"{file_name(KEY)}.1.0123abcd.tmp").write_bytes(b"begun")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / file_name(KEY))
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    backups, problems = load(str(tmp_path))
    assert [backup.key for backup in backups] == [other, KEY]
    assert len(problems) == 7
    for said in ("is damaged", "another configuration", "no backup of this version", "not a file",
                 "is larger than", "link' cannot be read", "folder' "):  # fmt: skip
        assert any(said in problem for problem in problems), said


def test_a_folder_that_is_not_there_yet_is_empty_and_one_that_is_none_is_said(tmp_path):
    assert load(str(tmp_path / "missing")) == ([], [])
    (tmp_path / "file").write_bytes(b"")
    backups, [problem] = load(str(tmp_path / "file"))
    assert not backups
    assert "no backups can be read" in problem


# ---------------------------------------------------------------- the process


@pytest.fixture
def agent(start, appconfig, tmp_path):
    def agent(**variables):
        given = {
            "AWS_ENDPOINT_URL": appconfig.url,
            "BACKUP_DIRECTORY": str(tmp_path / "backups"),
            **variables,
        }
        return start(**given)

    return agent


def saved(tmp_path):
    path = tmp_path / "backups" / file_name(KEY)
    return decode(path.read_bytes()) if path.exists() else None


def save(tmp_path, content, age_s=0.0, version=7):
    (tmp_path / "backups").mkdir(exist_ok=True)
    path = tmp_path / "backups" / file_name(KEY)
    path.write_bytes(encode(KEY, document(content, version), time.time() - age_s))


OLD = b'{"old":{"enabled":true}}'


def test_every_version_is_saved(agent, appconfig, tmp_path):
    appconfig.next_poll_interval_s = 0
    program = agent(POLL_INTERVAL_SECONDS="50ms").wait_serving()
    before = time.time()
    assert "fastext-backup" not in program.get().fields
    until(lambda: saved(tmp_path))
    backup = saved(tmp_path)
    assert (backup.content, backup.version, backup.version_label) == (FLAGS, 1, "v1")
    assert before - 1 < backup.saved_at < time.time() + 1
    appconfig.deploy(*KEY, OLD)
    until(lambda: saved(tmp_path).content == OLD)
    assert saved(tmp_path).version == 2


def test_a_restart_serves_the_backup_and_polls_when_its_interval_has_passed(
    agent, appconfig, tmp_path
):
    save(tmp_path, OLD, age_s=10)
    program = agent(PREFETCH_LIST=NAME).wait_serving()
    reply = program.get()
    assert reply.content == OLD
    assert reply.fields["configuration-version"] == "7"
    assert 10 <= int(reply.fields["age"]) < 15
    said = email.utils.parsedate_to_datetime(reply.fields["fastext-backup"]).timestamp()
    assert abs(time.time() - 10 - said) < 5
    program.wait_for_log(f"INFO loaded the backup of '{NAME}'")
    assert program.get().content == OLD
    assert appconfig.count(START) == 0


def test_a_backup_that_is_old_is_served_and_replaced_at_once(agent, appconfig, tmp_path):
    save(tmp_path, OLD, age_s=100)
    program = agent().wait_serving()
    program.wait_for_log(f"updated cache data for '{NAME}'")
    reply = program.get()
    assert (reply.content, reply.fields["configuration-version"]) == (FLAGS, "8")
    assert "fastext-backup" not in reply.fields
    assert appconfig.count(START) == 1


def test_a_backup_that_is_verified_is_one_no_more(agent, appconfig, tmp_path):
    save(tmp_path, FLAGS, age_s=100)
    program = agent().wait_serving()
    program.wait_for_log(f"verified latest data for '{NAME}'")
    reply = program.get()
    assert reply.fields["configuration-version"] == "7"
    assert "fastext-backup" not in reply.fields
    until(lambda: time.time() - saved(tmp_path).saved_at < 50)


def test_in_lambda_the_first_event_is_asked_for_with_the_backup_served(
    agent, appconfig, lambda_api, tmp_path
):
    save(tmp_path, OLD, age_s=100)
    appconfig.fail_always(START, Hang())
    program = agent(AWS_LAMBDA_RUNTIME_API=lambda_api.address, PREFETCH_LIST=NAME)
    lambda_api.wait_next(1)
    assert program.get().content == OLD
    appconfig.heal()


def test_without_preloading_the_service_comes_first(agent, appconfig, tmp_path):
    save(tmp_path, OLD)
    program = agent(PRELOAD_BACKUPS="false").wait_serving()
    reply = program.get()
    assert (reply.content, "fastext-backup" in reply.fields) == (FLAGS, False)


def test_and_the_backup_is_served_where_it_cannot_be_reached(agent, appconfig, tmp_path):
    save(tmp_path, OLD, age_s=1000)
    program = agent(PRELOAD_BACKUPS="false", AWS_ENDPOINT_URL="http://127.0.0.1:1").wait_serving()
    reply = program.get()
    assert reply.content == OLD
    assert reply.fields["fastext-backup"]
    assert reply.fields["fastext-stale"] == "Unavailable"
    assert int(reply.fields["age"]) >= 1000
    program.wait_for_log(f"WARN serving the backup of '{NAME}'")


def test_a_refusal_is_no_reason_to_serve_the_backup(agent, appconfig, tmp_path):
    save(tmp_path, OLD)
    appconfig.withdraw(*KEY)
    program = agent(PRELOAD_BACKUPS="false").wait_serving()
    assert program.get().status == 404


def test_what_is_no_backup_is_one_warning_and_no_harm(agent, tmp_path):
    save(tmp_path, OLD)
    path = tmp_path / "backups" / file_name(KEY)
    path.write_bytes(path.read_bytes()[:-3])
    program = agent().wait_serving()
    assert program.get(FEATURES).content == FLAGS
    assert program.log.count("WARN") == 1
    program.wait_for_log(r"WARN backup '.*\.backup' is damaged; it is ignored")


@pytest.mark.parametrize("preload", ["true", "false"])
def test_files_that_are_whole_but_not_as_ours_are_one_warning_each_and_no_harm(
    agent, appconfig, tmp_path, preload
):
    (tmp_path / "backups").mkdir()
    heads = [b"[" * 200_000, json.dumps({**GOOD, "version": float("inf")}).encode()]
    for number, head in enumerate(heads):
        path = tmp_path / "backups" / f"{number:040}.backup"
        path.write_bytes(signed(head + b"\n{}"))
    other = ("shop", "production", "other")
    (tmp_path / "backups" / file_name(other)).write_bytes(
        encode(other, document(b'{"f":{"_variants":5}}'), time.time())
    )
    draft = tmp_path / "backups" / f"{file_name(KEY)}.12.0123abcd.tmp"
    draft.write_bytes(b"begun")
    os.utime(draft, (0, 0))
    program = agent(PRELOAD_BACKUPS=preload).wait_serving()
    assert program.get().content == FLAGS
    assert program.request("/status").status == 200
    assert program.log.count("WARN") == 3
    assert "ERROR" not in program.log
    assert not draft.exists()


def test_a_folder_that_cannot_be_written_is_said_and_no_harm(agent, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    program = agent(BACKUP_DIRECTORY=str(tmp_path / "file" / "x")).wait_serving()
    assert program.get().content == FLAGS
    program.wait_for_log(f"ERROR cannot save a backup of '{NAME}'")


def test_a_manifest_comes_back_from_its_backup(agent, appconfig, tmp_path):
    key = ("ops", "production", "manifest")
    (tmp_path / "backups").mkdir()
    manifest = json.dumps({NAME: {"writeTo": {"path": str(tmp_path / "copy")}}}).encode()
    (tmp_path / "backups" / file_name(key)).write_bytes(
        encode(key, document(manifest), time.time())
    )
    program = agent(MANIFEST=":".join(key), FASTEXT_WRITE_ROOTS=str(tmp_path))
    program.wait_for_log(f"wrote configuration '{NAME}'")
    assert (tmp_path / "copy").read_bytes() == FLAGS
    assert appconfig.count(GET, key) == 0
