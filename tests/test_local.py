"""Files in place of AWS AppConfig."""

import json
import os
import subprocess
import sys

import pytest
from program import COMMAND, Program
from waiting import until

from dev.service import ROOT, free_port
from fastext.deadline import Deadline
from fastext.errors import InvalidUpstreamRequest, NotFound, Unavailable
from fastext.local import LocalFiles, content_type_of

KEY = ("shop", "production", "features")
NAME = ":".join(KEY)


@pytest.mark.parametrize(
    ("entry", "content_type"),
    [
        (NAME, "application/octet-stream"),
        (f"{NAME}.json", "application/json"),
        (f"{NAME}.yaml", "application/x-yaml"),
        (f"{NAME}.txt", "text/plain"),
        (f"{NAME}.text%plain", "text/plain"),
        (f"{NAME}.application%vnd.api+json", "application/vnd.api+json"),
        (f"{NAME}.application%ion%type=AWS.AppConfig.FeatureFlags",
         "application/ion;type=AWS.AppConfig.FeatureFlags"),
        ("shop%3Aproduction%3Afeatures.json", "application/json"),
        (f"{NAME}.", None),
        (f"{NAME}.v2.json", None),
        (f"{NAME}.v2.text%plain", None),
        (f"{NAME}.unheard-of", None),
        (f"{NAME}.json~", None),
        (f"{NAME}.%plain", None),
        (f"{NAME}.text%", None),
        (f"{NAME}2.json", None),
        ("shop:production:feature", None),
    ],
)  # fmt: skip
def test_the_name_of_a_file_says_what_it_is(entry, content_type):
    assert content_type_of(entry, NAME) == content_type


def test_a_slash_in_a_name_is_written_by_its_escape():
    assert content_type_of("a%2Fb:c:d.json", "a/b:c:d") == "application/json"


@pytest.fixture
def files(tmp_path):
    return LocalFiles(str(tmp_path))


def test_a_link_that_leads_out_of_the_folder_is_refused(files, tmp_path):
    """Within it links are followed: that is how Kubernetes mounts a ConfigMap."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "file").write_bytes(b"within")
    link = tmp_path / f"{NAME}.txt"
    link.symlink_to(tmp_path / "..data" / "file")
    token = start(files)
    assert files.get_latest_configuration(token, Deadline(1)).content == b"within"
    link.unlink()
    link.symlink_to("/etc/passwd")
    with pytest.raises(Unavailable, match=f"{NAME}.txt' cannot be read: it leads out of '"):
        files.get_latest_configuration(token, Deadline(1))


def test_a_pipe_is_not_waited_for(files, tmp_path):
    os.mkfifo(tmp_path / f"{NAME}.json")
    with pytest.raises(Unavailable, match="cannot be read: "):
        files.get_latest_configuration(start(files), Deadline(1))


def start(files, key=KEY):
    return files.start_configuration_session(key, 45, Deadline(1))


def get(files, token):
    return files.get_latest_configuration(token, Deadline(1))


def test_a_file_is_read_again_when_it_has_changed(files, tmp_path):
    path = tmp_path / f"{NAME}.json"
    path.write_bytes(b'{"a":1}')
    first = get(files, start(files))
    assert (first.content, first.content_type) == (b'{"a":1}', "application/json")
    second = get(files, first.next_token)
    assert second.content == b""
    path.write_bytes(b'{"a":2}')
    os.utime(path, ns=(1, 1))
    third = get(files, second.next_token)
    assert third.content == b'{"a":2}'
    path.rename(tmp_path / f"{NAME}.text%plain")
    fourth = get(files, third.next_token)
    assert (fourth.content, fourth.content_type) == (b'{"a":2}', "text/plain")


def test_what_cannot_be_served_is_said(files, tmp_path):
    with pytest.raises(NotFound, match=f"has no file '{NAME}' or '{NAME}.json'"):
        start(files)
    (tmp_path / NAME).mkdir()
    with pytest.raises(Unavailable, match="cannot be read: it is not a regular file"):
        get(files, start(files))
    (tmp_path / f"{NAME}.json").write_bytes(b"{}")
    with pytest.raises(InvalidUpstreamRequest, match=f"several files of it: '{NAME}', '{NAME}.js"):
        start(files)
    with pytest.raises(Unavailable, match="No such file"):
        start(LocalFiles(str(tmp_path / "missing")))


@pytest.mark.parametrize("name", ["..", "../secret", "../..", "/etc/passwd", "", "."])
def test_no_name_leads_out_of_the_folder(tmp_path, name):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "secret:b:c").write_bytes(b"secret")
    for key in ((name, "b", "c"), ("a", name, "c"), ("a", "b", name)):
        with pytest.raises(NotFound):
            start(LocalFiles(str(folder)), key)


# ---------------------------------------------------------------- the process

BASE = "/applications/shop/environments/production/configurations"


@pytest.fixture
def program(tmp_path):
    """fastext in local development, without Region and credentials."""
    programs = []

    def program(folder=tmp_path, **variables):
        nothing = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
        given = {"LOCAL_DEVELOPMENT_DIRECTORY": str(folder), "POLL_INTERVAL_SECONDS": "50ms"}
        programs.append(Program((), {**dict.fromkeys(nothing, ""), **given, **variables}))
        return programs[-1].wait_serving()

    yield program
    for one in programs:
        one.stop()


def flags_of(program, profile, query="", **context):
    fields = {"Context": ",".join(f"{key}={value}" for key, value in context.items())}
    reply = program.request(f"{BASE}/{profile}{query}", **(fields if context else {}))
    assert (reply.status, reply.fields["content-type"]) == (200, "application/json")
    return json.loads(reply.content)


def test_the_first_published_sample(program):
    served = program(ROOT / "examples/local")
    assert flags_of(served, "features") == {
        "ui_refresh": {"enabled": True, "new_styleguide_colors": True},
        "background_worker": {"enabled": True, "num_threads": 4, "queue_name": "MyWorkQueue"},
        "emergency_shutoff_switch": {"enabled": False},
        "logger_settings": {"enabled": True, "level": "INFO"},
    }
    assert flags_of(served, "features", "?flag=background_worker") == {
        "enabled": True, "num_threads": 4, "queue_name": "MyWorkQueue"
    }  # fmt: skip


def test_the_second_published_sample(program):
    served = program(ROOT / "examples/local")
    assert flags_of(served, "variants") == {
        "tiered_release": {"_variant": "HideFeature", "enabled": False},
        "colorway": {
            "_variant": "default", "enabled": True, "background": "green", "foreground": "green"
        },
        "simple_feature": {"_variant": "default", "enabled": False},
        "button_color": {"enabled": True, "color": "orange"},
    }  # fmt: skip
    beta = flags_of(served, "variants", userId="beta-1")
    assert beta["colorway"]["_variant"] == beta["simple_feature"]["_variant"] == "BetaTesters"
    assert (beta["colorway"]["background"], beta["colorway"]["foreground"]) == ("blue", "red")
    assert beta["tiered_release"]["_variant"] == "HideFeature"


def test_changes_are_seen_and_faults_leave_what_is_there(program, tmp_path):
    path = tmp_path / "shop:production:settings.application%x-yaml"
    path.write_bytes(b"a: 1")
    served = program(PREFETCH_LIST="shop:production:settings")
    reply = served.get(f"{BASE}/settings")
    assert (reply.content, reply.fields["content-type"]) == (b"a: 1", "application/x-yaml")
    assert reply.fields["configuration-version"] == "1"
    path.write_bytes(b"a: 22")
    until(lambda: served.get(f"{BASE}/settings").content == b"a: 22")
    assert served.get(f"{BASE}/settings").fields["configuration-version"] == "2"
    path.unlink()
    served.wait_for_log("retrieve failure for 'shop:production:settings': .* has no file")
    assert served.get(f"{BASE}/settings").content == b"a: 22"
    missing = served.get(f"{BASE}/missing")
    assert missing.status == 404
    assert "has no file 'shop:production:missing'" in json.loads(missing.content)["Message"]
    assert served.get("/applications/..%2F..%2Fetc/environments/e/configurations/c").status == 404


def test_in_lambda_too_and_by_the_plain_name(lambda_api, tmp_path):
    (tmp_path / f"{NAME}.json").write_bytes(b'{"a":{"enabled":true}}')
    port = free_port()
    environ = {
        "AWS_LAMBDA_RUNTIME_API": lambda_api.address,
        "LOCAL_DEVELOPMENT_DIRECTORY": str(tmp_path),
        "AWS_APPCONFIG_EXTENSION_HTTP_PORT": str(port),
        "PATH": os.environ["PATH"],
    }
    process = subprocess.Popen([COMMAND], env=environ, stderr=subprocess.PIPE)
    try:
        lambda_api.wait_next(1)
        answer = subprocess.run(
            [sys.executable, "-c", "import sys, urllib.request as u\n"
             "sys.stdout.buffer.write(u.urlopen(sys.argv[1]).read())",
             f"http://127.0.0.1:{port}{BASE}/features?flag=a"],
            capture_output=True, check=True, timeout=20,
        )  # fmt: skip
        assert answer.stdout == b'{"enabled":true}'
        lambda_api.shutdown()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()
