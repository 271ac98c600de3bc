"""What the samples have in common; `make test-samples` checks each by its own world's tools."""

import importlib.util
import json
import re

import pytest

from dev.service import ROOT
from fastext.settings import VARIABLES

EXAMPLES = ROOT / "examples"


def test_the_function_reads_a_flag(start, appconfig, monkeypatch):
    program = start(AWS_ENDPOINT_URL=appconfig.url).wait_serving()
    monkeypatch.setenv("AWS_APPCONFIG_EXTENSION_HTTP_PORT", str(program.port))
    spec = importlib.util.spec_from_file_location("sample", EXAMPLES / "function/app.py")
    function = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(function)
    assert function.handler({}, None) == {"dark": True}


@pytest.mark.parametrize(
    "path", ["sam/template.yaml", "cdk/app.py", "terraform/main.tf", "image/Dockerfile"]
)
def test_variables_in_samples_for_lambda_exist(path):
    names = re.findall(r"AWS_APPCONFIG_EXTENSION_\w+", (EXAMPLES / path).read_text())
    assert set(names) <= {variable.lambda_name for variable in VARIABLES}
    assert names


def test_variables_in_samples_of_the_agent_exist():
    known = {variable.agent_name for variable in VARIABLES}
    task = json.loads((EXAMPLES / "ecs/task-definition.json").read_text())
    names = {v["name"] for v in task["containerDefinitions"][0]["environment"]}
    pod = (EXAMPLES / "kubernetes/deployment.yaml").read_text()
    names |= set(re.findall(r"- name: ([A-Z_]+)", pod))
    assert {"PREFETCH_LIST", "SERVICE_REGION"} == names
    assert names <= known
