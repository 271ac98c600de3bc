"""Real clients of the agent, reading through us from a service that nobody here wrote."""

import subprocess
import sys

import pytest
from aws_lambda_powertools.utilities.parameters import AppConfigExtensionProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from dev.control_plane import connect, deploy, stored_flags

# Names that every client must escape, and we unescape.
APPLICATION, ENVIRONMENT = "web shop/eu", "prod, 1"


@pytest.fixture
def program(start, ministack):
    deploy(connect(ministack.url), APPLICATION, ENVIRONMENT, "flägs",
           stored_flags({"a": {"enabled": True, "n": 1}, "b": {"enabled": False}}),
           feature_flags=True)  # fmt: skip
    deploy(connect(ministack.url), "clients", "test", "text", b"x: 1\n", "application/yaml")
    return start(AWS_ENDPOINT_URL=ministack.url, AWS_REGION="us-east-1").wait_serving()


def test_powertools_reads_documents_and_flags(program):
    provider = AppConfigExtensionProvider(ENVIRONMENT, APPLICATION, port=program.port)
    whole = provider.get("flägs", transform="json")
    assert whole == {"a": {"enabled": True, "n": 1}, "b": {"enabled": False}}
    assert provider.get("flägs", transform="json", flag="a", force_fetch=True) == whole["a"]
    assert provider.get("flägs", transform="json", flag=["b", "a"], force_fetch=True) == whole
    with pytest.raises(GetParameterError, match=r"HTTP 404 .*no such flag: 'z'"):
        provider.get("flägs", flag="z", force_fetch=True)
    with pytest.raises(GetParameterError, match=r"HTTP 404 .*nothing"):
        provider.get("nothing", force_fetch=True)


def test_the_user_guide_s_own_example_reads_a_document(program):
    script = f"""
import urllib.request
def lambda_handler(event, context):
    url = f'http://localhost:{program.port}/applications/clients/environments/test/configurations/text'
    config = urllib.request.urlopen(url).read()
    return config
print(lambda_handler(None, None))
"""
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "b'x: 1\\n'\n"


def test_ids_serve_as_well_as_names(start, ministack):
    ids = deploy(connect(ministack.url), "clients", "test", "by-id", b"x", "text/plain")
    program = start(AWS_ENDPOINT_URL=ministack.url, AWS_REGION="us-east-1").wait_serving()
    target = "/applications/{application}/environments/{environment}/configurations/{profile}"
    assert program.get(target.format(**ids)).content == b"x"
