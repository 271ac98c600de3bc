"""The samples under examples/, each before the checker that its own world has.

`make test-samples` runs them, with the checkers in an environment of their own.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import botocore.session
import hcl2
import pytest
from botocore.validate import validate_parameters

EXAMPLES = Path(__file__).parents[2] / "examples"
TOOLS = Path(sys.executable).parent


def run(*command, **options):
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def test_the_sam_template():
    assert run(TOOLS / "cfn-lint", EXAMPLES / "sam/template.yaml") == ""


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory):
    """What CDK makes of the sample, with a stub for the built layer."""
    if shutil.which("node") is None:
        pytest.skip("no node, which CDK needs")
    folder = tmp_path_factory.mktemp("cdk")
    with zipfile.ZipFile(folder / "layer.zip", "w") as archive:
        archive.writestr("extensions/fastext", "")
    environ = {
        **os.environ,
        "CDK_CONTEXT_JSON": json.dumps({"layer": str(folder / "layer.zip")}),
        "CDK_OUTDIR": str(folder / "out"),
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
    }
    run(sys.executable, "app.py", cwd=EXAMPLES / "cdk", env=environ)
    return folder / "out/Shop.template.json"


def test_the_cdk_stack(synthesized):
    run(TOOLS / "cfn-lint", "--ignore-checks", "W3005", "--", synthesized)
    resources = json.loads(synthesized.read_text())["Resources"].values()
    (layer,) = (each for each in resources if each["Type"] == "AWS::Lambda::LayerVersion")
    assert layer["Properties"]["CompatibleArchitectures"] == ["arm64"]


def test_the_terraform_configuration():
    with (EXAMPLES / "terraform/main.tf").open() as stream:
        parsed = hcl2.load(stream)
    # The parser keeps the quotes of labels.
    kinds = {kind.strip('"') for resource in parsed["resource"] for kind in resource}
    assert {"aws_lambda_layer_version", "aws_lambda_function", "aws_appconfig_deployment"} <= kinds


@pytest.mark.parametrize("name", ["Dockerfile", "agent.Dockerfile"])
def test_the_images(name):
    assert run(TOOLS / "hadolint", EXAMPLES / "image" / name) == ""


def test_the_kubernetes_deployment():
    run(TOOLS / "kubernetes-validate", "--strict", EXAMPLES / "kubernetes/deployment.yaml")


def test_the_ecs_task_definition():
    model = botocore.session.Session().get_service_model("ecs")
    shape = model.operation_model("RegisterTaskDefinition").input_shape
    task = json.loads((EXAMPLES / "ecs/task-definition.json").read_text())
    validate_parameters(task, shape)
