"""What an audit is made of, and that no report is never taken for a good one."""

import json

import pytest

from dev.audit import LOCK, NOT_AUDITED, requirements, verdict


def report(**package):
    return json.dumps(
        {"dependencies": [{"name": "orjson", "version": "1", **package}], "fixes": []}
    )


@pytest.mark.parametrize(
    ("returncode", "stdout", "status"),
    [
        (0, report(vulns=[]), 0),
        (1, report(vulns=[{"id": "PYSEC-1"}]), 1),
        (1, "", NOT_AUDITED),
        (1, "Traceback", NOT_AUDITED),
        (0, "{}", NOT_AUDITED),
        (0, report(skip_reason="not found"), NOT_AUDITED),
    ],
)
def test_the_exit_status_tells_clean_from_faulty_from_not_audited(returncode, stdout, status):
    assert verdict(returncode, stdout) == status


def test_every_python_package_of_the_layer_is_audited_by_its_pin_and_hash():
    lines = requirements(json.loads(LOCK.read_text())).splitlines()
    names = {line.partition("==")[0] for line in lines}
    assert {"botocore", "httptools", "orjson", "uvloop", "urllib3"} <= names
    assert "cython" not in names
    for line in lines:
        assert "==" in line
        assert "--hash=sha256:" in line
