"""Under AWS's own emulator: the installed extension beside a Python function."""

import pytest
from emulator import BesideThisMachine
from fakes.appconfig import GET, START
from program import COMMAND

from dev.control_plane import connect, deploy, stored_flags
from dev.service import free_port


@pytest.fixture
def emulate(tmp_path):
    """Starts the emulator against a service; the port of fastext is in `emulator.port`."""
    emulators = []

    def emulate(url, **variables):
        port = free_port()
        environ = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": "us-east-1",
            "AWS_APPCONFIG_EXTENSION_HTTP_PORT": str(port),
            "AWS_APPCONFIG_EXTENSION_PREFETCH_LIST": "shop:production:features",
            **{f"AWS_APPCONFIG_EXTENSION_{name}": value for name, value in variables.items()},
        }
        emulators.append(BesideThisMachine(tmp_path, COMMAND, environ))
        emulators[-1].port = port
        return emulators[-1]

    yield emulate
    for emulator in emulators:
        emulator.stop()


def ask(emulator, configuration="features"):
    return emulator.invoke({"port": emulator.port, "configuration": configuration})


def test_init_invocations_a_change_and_shutdown(emulate, appconfig):
    appconfig.next_poll_interval_s = 0
    emulator = emulate(appconfig.url, POLL_INTERVAL_SECONDS="1us")
    assert ask(emulator)["dark_mode"] == {"enabled": True, "level": 100.0}
    assert ask(emulator, "features?flag=old") == {"enabled": False}
    appconfig.deploy("shop", "production", "features", b'{"dark_mode":{"enabled":false}}')
    ask(emulator)  # the refresh runs beside this invocation, and has ended before the next
    assert ask(emulator) == {"dark_mode": {"enabled": False}}
    assert appconfig.count(START) == 1
    assert "retrieved initial data for 'shop:production:features'" in emulator.log
    assert "Extension.Crash" not in emulator.log
    emulator.shut_down()


def test_within_the_poll_interval_invocations_cost_no_calls(emulate, appconfig):
    emulator = emulate(appconfig.url)
    for _ in range(5):
        ask(emulator)
    assert (appconfig.count(START), appconfig.count(GET)) == (1, 1)


def test_against_an_independent_service(emulate, ministack):
    deploy(connect(ministack.url), "shop", "production", "features",
           stored_flags({"f": {"enabled": True, "n": 7}}), feature_flags=True)  # fmt: skip
    emulator = emulate(ministack.url)
    assert ask(emulator) == {"f": {"enabled": True, "n": 7}}
    assert ask(emulator, "features?flag=f") == {"enabled": True, "n": 7}
