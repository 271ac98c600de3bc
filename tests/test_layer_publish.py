"""What the script of the layer does with the AWS CLI, and without its tools."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from layer.architecture import ARCHITECTURES
from layer.sbom import own_version

ROOT = Path(__file__).parent.parent


@pytest.fixture
def built(tmp_path):
    """A folder with two archives, as good as any for being published."""
    for target in ARCHITECTURES:
        (tmp_path / f"fastext-{target}.zip").touch()
    return tmp_path


def publish(folder, *arguments):
    return subprocess.run(
        [ROOT / "build_layer.sh", "--output", folder, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHON": sys.executable},
        timeout=60,
    )


def test_a_dry_run_prints_every_call_and_makes_none(built, path_with):
    path_with("aws", "echo called >&2; exit 1")
    answer = publish(built, "--publish", "eu-west-1,us-east-1", "--dry-run", "--public")
    assert answer.returncode == 0, answer.stderr
    calls = [line for line in answer.stdout.splitlines() if line.startswith("aws ")]
    operations = [call.split()[4] for call in calls]
    each = ["publish-layer-version", "add-layer-version-permission", "put-parameter"]
    assert operations == [*each, "put-parameter"] * 4
    assert [call.split()[2] for call in calls] == ["eu-west-1"] * 8 + ["us-east-1"] * 8
    for architecture in ARCHITECTURES:
        for which in (own_version(), "latest"):
            assert answer.stdout.count(f"--name /fastext/layer/{architecture}/{which} ") == 2
    assert not (built / "layers.json").exists()


def test_publishing_notes_the_arns(built, path_with):
    arn = "arn:aws:lambda:eu-west-1:1:layer:fastext-arm64:7"
    path_with("aws", f'echo "$@" >> {built}/calls; case "$*" in *publish*) echo {arn};; esac')
    answer = publish(built, "--publish", "eu-west-1", "--arch", "arm64")
    assert answer.returncode == 0, answer.stderr
    assert json.loads((built / "layers.json").read_text()) == {
        "version": own_version(),
        "layers": {"arm64": {"eu-west-1": arn}},
    }
    calls = (built / "calls").read_text()
    assert f"fileb://{built}/fastext-arm64.zip" in calls
    assert calls.count(f"--value {arn}") == 2
    assert "add-layer-version-permission" not in calls


def test_what_the_aws_command_line_refuses_is_said(built, path_with):
    path_with("aws", "echo 'AccessDenied: no' >&2; exit 254")
    answer = publish(built, "--publish", "eu-west-1")
    assert answer.returncode == 1
    assert "AccessDenied: no" in answer.stderr
    assert not (built / "layers.json").exists()


def test_a_missing_tool_is_named_with_its_package(tmp_path):
    (tmp_path / "bin").mkdir()
    for name in ("sh", "dirname"):
        (tmp_path / "bin" / name).symlink_to(f"/bin/{name}")
    answer = subprocess.run(
        [ROOT / "build_layer.sh"], capture_output=True, text=True,
        env={"PATH": str(tmp_path / "bin"), "PYTHON": sys.executable}, timeout=60,
    )  # fmt: skip
    assert answer.returncode == 1
    assert "apt-get is missing" in answer.stderr
