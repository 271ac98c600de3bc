"""What is in the built layers, against what their bills of materials say; and the agent in one."""

import hashlib
import json
import os
import platform
import re
import shlex
import subprocess
import zipfile

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from empty_root import MACHINES, unpack
from moto.server import ThreadedMotoServer
from program import FEATURES, Program
from test_layer import ARCHITECTURES, LAYERS

import fastext


@pytest.fixture(params=ARCHITECTURES)
def archive(request):
    path = LAYERS / f"fastext-{request.param}.zip"
    if not path.exists():
        pytest.skip(f"{path} is not built (./build_layer.sh --arch {request.param})")
    return path


@pytest.fixture
def bill(archive):
    return json.loads(archive.with_suffix(".cdx.json").read_text())


def test_the_checksum_file_is_what_sha256sum_reads(archive):
    checksum = archive.with_suffix(".zip.sha256").name
    command = ["sha256sum", "--check", "--strict", checksum]
    subprocess.run(command, cwd=archive.parent, check=True, capture_output=True)


def test_the_bill_of_materials_keeps_to_the_standard(bill):
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(bill)) is None


def test_the_bill_of_materials_lists_every_file_with_its_hash(archive, bill):
    listed = {
        component["name"]: component["hashes"][0]["content"]
        for component in bill["components"]
        if component["type"] == "file"
    }
    with zipfile.ZipFile(archive) as content:
        found = {n: hashlib.sha256(content.read(n)).hexdigest() for n in content.namelist()}
    assert listed == found


def test_every_part_has_a_version_a_licence_and_its_text(archive, bill):
    with zipfile.ZipFile(archive) as content:
        folders = {n.split("/")[2] for n in content.namelist() if "/licenses/" in n}
    for component in bill["components"]:
        if component["type"] != "file":
            assert component["version"]
            assert component["licenses"]
            package = re.split("[/@]", component["purl"])[-2]
            assert package in folders, component["name"]
    names = {component["name"] for component in bill["components"]}
    assert {"CPython", "GNU C Library", "OpenSSL", "botocore", "httptools", "orjson",
            "uvloop", "libuv"} <= names  # fmt: skip


@pytest.fixture
def executable(archive, tmp_path):
    """The command line of the layer's executable in a root that has nothing else."""
    name = archive.stem.partition("-")[2]
    if platform.machine() not in MACHINES[name]:
        pytest.skip(f"this machine does not run {name} without an emulator")
    unpack(archive, tmp_path / "opt")
    namespace = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    root = shlex.quote(str(tmp_path))
    script = f'mount --bind {root} {root} && exec chroot {root} /opt/extensions/fastext "$@"'
    return [*namespace, "sh", "-c", script, "sh"]


def test_it_names_its_version_with_nothing_else_in_its_root(executable):
    answer = subprocess.run([*executable, "--version"], capture_output=True, text=True, check=True)
    assert answer.stdout == f"fastext {fastext.__version__}\n"


def test_the_agent_serves_with_nothing_else_in_its_root(executable, appconfig):
    program = Program((), {"AWS_ENDPOINT_URL": appconfig.url}, executable)
    try:
        program.wait_serving()
        assert program.get(f"{FEATURES}?flag=old").content == b'{"enabled":false}'
    finally:
        assert program.stop() == 0


def test_a_role_is_assumed_by_the_complete_client(executable, appconfig):
    sts = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    sts.start()
    host, port = sts.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL_APPCONFIGDATA": appconfig.url,
        "AWS_ENDPOINT_URL_STS": f"http://{host}:{port}",
        "ROLE_ARN": "arn:aws:iam::123456789012:role/reader",
    }
    program = Program((), variables, executable)
    try:
        program.wait_serving()
        assert program.get(f"{FEATURES}?flag=old").content == b'{"enabled":false}', program.log
        assert all(call.access_key.startswith("ASIA") for call in appconfig.calls)
    finally:
        assert program.stop() == 0
        sts.stop()
