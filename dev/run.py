"""`make run`: fastext, against an AppConfig service on this machine, with real content.

Everything that is started here ends with it, whether by Ctrl-C, a signal or a failure.
"""

import argparse
import os
import signal
import socket
import sys
import time
from contextlib import ExitStack
from types import FrameType

from dev import process
from dev.control_plane import connect, deploy, stored_flags
from dev.process import Process
from dev.service import COMMAND, ROOT, Service, ServiceFailed, answers

APPLICATION, ENVIRONMENT = "shop", "production"
POLL_INTERVAL_S = 15
START_TIMEOUT_S = 30.0
PREFIX = "AWS_APPCONFIG_EXTENSION_"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

FLAGS: dict[str, dict[str, object]] = {
    "background_worker": {"enabled": True, "num_threads": 4, "queue_name": "MyWorkQueue"},
    "dark_mode": {"enabled": False},
    "emergency_shutoff_switch": {"enabled": False},
    "free_shipping": {"enabled": True, "minimum_amount": 49.9, "currency": "EUR"},
}
SETTINGS = b"""\
checkout:
  timeout_ms: 1500
  payment_methods: [card, invoice]
"""


class Ended(Exception):
    """A signal asks us to end."""


class Failed(Exception):
    """fastext cannot run; the message says why."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=2772)
    port = parser.parse_args().port
    for number in SIGNALS:
        signal.signal(number, raise_ended)
    with ExitStack() as started:
        try:
            return run(port, started)
        except Ended:
            say("ending")
            return 0
        except (Failed, ServiceFailed) as fault:
            say(str(fault))
            return 1


def run(port: int, started: ExitStack) -> int:
    """Start everything, each with its end in `started`, and stay until one of them ends."""
    check_port(port)
    say("starting an AppConfig service (ministack)")
    service = Service()
    started.callback(service.stop)
    service.wait()
    say(f"deploying two configurations to {APPLICATION}:{ENVIRONMENT}")
    client = connect(service.url)
    # In the storage form, as users deploy it; the service serves the retrieval form, as AWS's does.
    deploy(client, APPLICATION, ENVIRONMENT, "features", stored_flags(FLAGS),
           feature_flags=True, version_label="v1")  # fmt: skip
    deploy(client, APPLICATION, ENVIRONMENT, "settings", SETTINGS, "application/x-yaml")
    say(f"starting fastext on port {port}; it polls every {POLL_INTERVAL_S} s")
    agent = start_agent(service.url, port)
    started.callback(process.end, agent)
    wait_for(agent, port)
    invite(service.url, port)
    return follow(service, agent)


def raise_ended(_signum: int, _frame: FrameType | None) -> None:
    # A second Ctrl-C must not interrupt the clearing up.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise Ended


def say(line: str) -> None:
    print(f"* {line}", flush=True)


def check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as fault:
            reason = getattr(fault, "strerror", fault)
            raise Failed(
                f"cannot use port {port}: {reason}; choose another: make run HTTP_PORT=2773"
            ) from None


def start_agent(endpoint_url: str, port: int) -> Process:
    """fastext, under variables of its own that the developer has set, LOG_LEVEL for one."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(PREFIX)
        or not (name.startswith("AWS_") or name.lower().endswith("_proxy"))
    }
    names = [f"{APPLICATION}:{ENVIRONMENT}:{profile}" for profile in ("features", "settings")]
    return process.start(
        [ROOT / ".venv" / "bin" / "fastext"],
        {
            **inherited,
            "AWS_ENDPOINT_URL": endpoint_url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "FASTEXT_CONSOLE": "1",
            PREFIX + "HTTP_PORT": str(port),
            PREFIX + "POLL_INTERVAL_SECONDS": str(POLL_INTERVAL_S),
            PREFIX + "PREFETCH_LIST": ",".join(names),
        },
    )


def wait_for(agent: Process, port: int) -> None:
    """Return when fastext answers. Raises Failed."""
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until:
        if agent.poll() is not None:
            raise Failed(f"fastext has ended with status {agent.returncode}; its log is above")
        if answers(port, "/ping"):
            return
        time.sleep(0.05)
    raise Failed(f"fastext does not answer after {START_TIMEOUT_S:.0f} s; its log is above")


def invite(endpoint_url: str, port: int) -> None:
    base = f"http://localhost:{port}/applications/{APPLICATION}/environments/{ENVIRONMENT}"
    print(
        f"""
Try:
  curl -i '{base}/configurations/features'
  curl '{base}/configurations/features?flag=free_shipping'
  curl '{base}/configurations/settings'
or look at http://localhost:{port}

Deploy a change, served after the next poll, within about {POLL_INTERVAL_S} s:
  .venv/bin/python -m dev.deploy {endpoint_url} dark_mode=on

Ctrl-C ends everything.
""",
        flush=True,
    )


def follow(service: Service, agent: Process) -> int:
    """Until one of the two ends by itself: 1. Raises Ended when `make` is gone."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.2)
        if service.process.poll() is not None:
            say(f"the AppConfig service has ended:\n{service.log_tail()}")
            return 1
        if agent.poll() is not None:
            say(f"fastext has ended with status {agent.returncode}; its log is above")
            return 1
    raise Ended


if __name__ == "__main__":
    if not COMMAND.exists():
        sys.exit(f"{COMMAND} is missing; start this by 'make run'")
    sys.exit(main())
