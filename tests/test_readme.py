"""The documents: what they name exists, what they generate is current, what they promise is so."""

import json
import re

import pytest

from dev.service import ROOT
from dev.variables import COMMON, MANUAL, with_table
from fastext import errors, protocol, request, schedule
from fastext.settings import VARIABLES

README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", [ROOT / "README.md", MANUAL], ids=lambda path: path.name)
def test_the_table_of_variables_is_current(path):
    assert with_table(path) == path.read_text(), "run python -m dev.variables"


def test_every_variable_of_the_readme_exists():
    assert {variable.name for variable in VARIABLES} > COMMON


def test_the_readme_is_short_enough_to_be_read():
    assert len(README.splitlines()) <= 120


def test_the_policy_is_json_with_the_two_actions():
    (policy,) = re.findall(r"```json\n(.*?)```", README, re.S)
    (statement,) = json.loads(policy)["Statement"]
    assert sorted(statement["Action"]) == [
        "appconfig:GetLatestConfiguration", "appconfig:StartConfigurationSession"
    ]  # fmt: skip


def test_the_example_reads_a_flag(start, appconfig):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.S)
    program = start(AWS_ENDPOINT_URL=appconfig.url).wait_serving()
    names: dict = {}
    exec(example.replace("2772", str(program.port)), names)
    assert names["dark"] is True


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_and_path_leads_somewhere(document):
    text = document.read_text()
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (document.parent / link).exists(), link
    for path in re.findall(r"`((?:src|tests|docs|dev|benches)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
    for target in re.findall(r"^make (\w+)", text, re.M):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M), target


def test_every_room_stands_in_the_architecture():
    text = (ROOT / "docs" / "architecture.md").read_text()
    listed = set(re.findall(r"`(\w+)\.pyx?`", text))
    files = {path.stem for path in (ROOT / "src" / "fastext").glob("*.py*")} - {"py"}
    assert files - {"__init__", "__main__"} <= listed
    assert listed <= files


def test_the_published_limits_are_those_of_the_code():
    text = (ROOT / "docs" / "behaviour.md").read_text()
    assert f"request line | {protocol.MAX_REQUEST_LINE_BYTES // 1024} KiB" in text
    assert f"head | {protocol.MAX_HEAD_BYTES // 1024} KiB" in text
    assert f"content of a request | {request.MAX_CONTENT_BYTES // 1024} KiB" in text
    assert f"wait | {protocol.MAX_PIPELINED}," in text
    assert f"less {protocol.RESERVED_DESCRIPTORS}, at most {protocol.MAX_CONNECTIONS_EVER}" in text
    assert f"within {schedule.REFUSED_MEMORY_S:.0f} s after 400" in text


def test_every_status_is_published():
    text = (ROOT / "docs" / "behaviour.md").read_text()
    statuses = {
        value.status
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.FastextError)
    }
    assert all(f"\n| {status} |" in text for status in statuses)
