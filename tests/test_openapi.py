"""The description of the interface: what it says is what is served, and the other way round."""

import json
from pathlib import Path

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from openapi_spec_validator import validate
from program import Program

from dev.service import ROOT
from fastext import errors
from fastext._lane import STATUS_LINES

FILE = ROOT / "docs" / "openapi.yaml"
DESCRIPTION = yaml.safe_load(FILE.read_text())

COMPONENTS = DESCRIPTION["components"]

# Fields of every reply, which OpenAPI leaves to HTTP.
EVERYWHERE = {"connection", "content-length", "content-type", "date"}

# The documents that most requests are to find, whatever else is generated.
DOCUMENTS = {
    "shop:production:features.json": {"plain": {"enabled": True}, "size": {"enabled": False}},
    "shop:production:variants.json": {
        "new": {
            "_variants": [
                {"name": "on", "enabled": True, "rule": "(split pct::50 by::$entityId)"},
                {"name": "off", "enabled": False},
            ]
        }
    },
    "shop:production:text.txt": "text",
}


@pytest.fixture(scope="module")
def base_url(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("documents")
    for name, value in DOCUMENTS.items():
        (folder / name).write_text(value if isinstance(value, str) else json.dumps(value))
    program = Program([], {"LOCAL_DEVELOPMENT_DIRECTORY": str(folder)})
    try:
        program.wait_serving()
        yield f"http://127.0.0.1:{program.port}"
    finally:
        program.stop()


def test_it_is_openapi():
    validate(DESCRIPTION)


schema = schemathesis.openapi.from_path(str(FILE))


@schema.parametrize()
@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_reply_is_as_described(case, base_url):
    reply = case.call_and_validate(base_url=base_url)
    item = DESCRIPTION["paths"][case.operation.path]
    if case.method.lower() in item:
        told = item[case.method.lower()]["responses"][str(reply.status_code)]
        name = told.get("$ref", "").rpartition("/")[2]
        fields = (COMPONENTS["responses"][name] if name else told).get("headers", {})
        assert set(reply.headers) <= EVERYWHERE | {field.lower() for field in fields}


@pytest.mark.parametrize("name", ["features", "variants"])
def test_examples_of_every_kind_are_served_as_described(base_url, name):
    path = "/applications/{Application}/environments/{Environment}/configurations/{Configuration}"
    for prefix in "", "/console/explain":
        operation = schema[prefix + path]["GET"]
        names = {"Application": "shop", "Environment": "production", "Configuration": name}
        (flag, *_) = DOCUMENTS[f"shop:production:{name}.json"]
        for query in {}, {"flag": [flag]}:
            case = operation.Case(path_parameters=names, query=query)
            assert case.call_and_validate(base_url=base_url).status_code == 200


def test_every_status_that_can_be_sent_is_described_and_no_other():
    described = {
        int(status)
        for path in DESCRIPTION["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
        for status in operation["responses"]
    }
    assert described == set(STATUS_LINES)


def test_the_faults_that_make_a_reply_stale_are_described():
    faults = {fault.__name__ for fault in errors.UpstreamError.__subclasses__()}
    assert set(DESCRIPTION["components"]["schemas"]["FaultName"]["enum"]) == faults


def test_every_parameter_of_a_path_is_described_with_it():
    for path, item in DESCRIPTION["paths"].items():
        names = [parameter["$ref"].rpartition("/")[2] for parameter in item.get("parameters", ())]
        for name in "Application", "Environment", "Configuration":
            assert (f"{{{name}}}" in path) == (name in names), path


def test_where_get_is_described_head_is_as_well_with_the_same_replies():
    for path, item in DESCRIPTION["paths"].items():
        assert item["head"]["responses"] == item["get"]["responses"], path
        assert item["head"].get("security") == item["get"].get("security"), path
