"""The built layers, each in an empty root under AWS's own emulator.

`make test-layer` builds them and runs this file; FASTEXT_LAYERS is the folder of the archives.
"""

import json
import os
from pathlib import Path

import pytest
from empty_root import EmptyRoot
from fakes.appconfig import GET, START

from dev.service import free_port

LAYERS = Path(os.environ.get("FASTEXT_LAYERS", "dist"))
FEATURES = "/applications/shop/environments/production/configurations/features"
FLAGS = b'{"dark_mode":{"enabled":true,"level":1e2},"old":{"enabled":false}}'
CHANGED = b'{"dark_mode":{"enabled":false}}'

ARCHITECTURES = ("x86_64", "arm64")

# What a function's own settings may bring along; none of it is the extension's business.
HOSTILE = {
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/tmp",
    "OPENSSL_CONF": "/tmp/no-such.cnf",
    "PYTHONHOME": "/nowhere",
    "PYTHONPATH": "/var/task:/tmp",
    "PYTHONSTARTUP": "/tmp/none.py",
}


@pytest.fixture(params=ARCHITECTURES)
def emulate(request, tmp_path, authority):
    """Starts a layer in an empty root, with a port of its own in `emulator.port`."""
    archive = LAYERS / f"fastext-{request.param}.zip"
    if not archive.exists():
        pytest.skip(f"{archive} is not built (./build_layer.sh --arch {request.param})")
    emulators = []

    def emulate(url, watched=True, unreadable=None, **variables):
        port = free_port()
        environ = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": "us-east-1",
            "AWS_APPCONFIG_EXTENSION_HTTP_PORT": str(port),
            "AWS_APPCONFIG_EXTENSION_PREFETCH_LIST": "shop:production:features",
            "AWS_APPCONFIG_EXTENSION_POLL_TIMEOUT_MILLIS": "20s",  # qemu-user takes its time
            **HOSTILE,
            **variables,
        }
        emulator = EmptyRoot(
            tmp_path, archive, request.param, environ, authority, watched, unreadable
        )
        emulators.append(emulator)
        return emulator

    yield emulate
    for emulator in emulators:
        emulator.stop()


@pytest.fixture
def features(secure):
    secure.deploy("shop", "production", "features", FLAGS)
    return secure


@pytest.mark.parametrize("client", ["direct", "botocore"])
def test_init_invocations_a_change_and_shutdown(emulate, features, client):
    features.next_poll_interval_s = 0
    emulator = emulate(
        features.url,
        AWS_CA_BUNDLE=EmptyRoot.AUTHORITY,
        FASTEXT_DATA_CLIENT=client,
        AWS_APPCONFIG_EXTENSION_POLL_INTERVAL_SECONDS="1us",
    )
    assert emulator.invoke({"path": FEATURES}) == json.loads(FLAGS)
    assert emulator.invoke({"path": f"{FEATURES}?flag=old"}) == {"enabled": False}
    assert emulator.invoke({"path": f"{FEATURES}?flag=old&flag=dark_mode"}) == json.loads(FLAGS)
    features.deploy("shop", "production", "features", CHANGED)
    polls = features.count(GET)
    emulator.invoke({"path": FEATURES})  # begins a refresh, which may go on after it
    features.wait_for(GET, polls + 1)
    emulator.wait_for_log("updated cache data for 'shop:production:features'")
    assert emulator.invoke({"path": FEATURES}) == json.loads(CHANGED)
    assert features.count(START) == 1
    emulator.wait_for_log("retrieved initial data for 'shop:production:features'")
    emulator.wait_for_log("started in ")
    emulator.shut_down()
    assert emulator.extension_status == 0


def test_the_executable_itself_is_launched(emulate, features):
    emulator = emulate(features.url, watched=False, SSL_CERT_FILE=EmptyRoot.AUTHORITY)
    assert emulator.invoke({"path": f"{FEATURES}?flag=old"}) == {"enabled": False}
    assert features.count(START) == 1
    emulator.shut_down()
    assert "Extension.Crash" not in emulator.log


@pytest.mark.parametrize("client", ["direct", "botocore"])
def test_by_default_only_amazons_roots_are_trusted(emulate, features, client):
    emulator = emulate(features.url, FASTEXT_DATA_CLIENT=client)
    assert emulator.invoke({"path": FEATURES}) == "no answer"
    emulator.wait_for_log("no trusted connection")
    assert features.count(START) == 0
    emulator.shut_down()
    assert emulator.extension_status == 0


def test_variants_are_evaluated_and_patterns_are_re2_s(emulate, secure):
    rule = 'f::[A::[(matches in::$name pattern::"^J.*n$"), "{\\"enabled\\":true}"], %s]'
    default = '"{\\"_variant\\":\\"B\\",\\"enabled\\":false}"'
    ion = "application/ion; type=AWS.AppConfig.FeatureFlags"
    secure.deploy("shop", "production", "features", (rule % default).encode(), ion)
    emulator = emulate(secure.url, AWS_CA_BUNDLE=EmptyRoot.AUTHORITY)
    assert emulator.invoke({"path": f"{FEATURES}?flag=f"}) == {"_variant": "B", "enabled": False}
    emulator.shut_down()
    assert emulator.extension_status == 0
    assert "google-re2" not in emulator.log


BOTOCORE = "botocore/data"


@pytest.mark.parametrize("client", ["direct", "botocore"])
@pytest.mark.parametrize(
    "path",
    ["fastext/amazon-roots.pem", "orjson/orjson.*.so", "re2/_re2.*.so", "botocore/cacert.pem",
     f"{BOTOCORE}/partitions.json", f"{BOTOCORE}/endpoints.json", f"{BOTOCORE}/_retry.json",
     f"{BOTOCORE}/sdk-default-configuration.json",
     f"{BOTOCORE}/appconfigdata/2021-11-11/endpoint-rule-set-1.json",
     f"{BOTOCORE}/appconfigdata/2021-11-11/service-2.json"],
)  # fmt: skip
def test_a_file_of_the_layer_that_cannot_be_read_leaves_the_function_alive(
    emulate, features, client, path
):
    emulator = emulate(
        features.url,
        unreadable=f"fastext/python/{path}",
        AWS_CA_BUNDLE=EmptyRoot.AUTHORITY,
        FASTEXT_DATA_CLIENT=client,
    )
    for target, right in (
        (FEATURES, json.loads(FLAGS)),
        (f"{FEATURES}?flag=old", {"enabled": False}),
    ):
        assert emulator.invoke({"path": target}) in (right, "no answer")
    emulator.shut_down()
    assert emulator.extension_status == 0
    assert "Extension.Crash" not in emulator.log
    assert "Traceback" not in emulator.log
