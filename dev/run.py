"""`make run`: fastext, against an AppConfig service on this machine, with real content.

Everything that is started here ends with it, whether by Ctrl-C, SIGTERM or a failure.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
import urllib.request
from types import FrameType

from dev.control_plane import connect, deploy, stored_flags
from dev.service import COMMAND, ROOT, Service, ServiceFailed

APPLICATION, ENVIRONMENT = "shop", "production"
POLL_INTERVAL_S = 15

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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=2772)
    port = parser.parse_args().port
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    service: Service | None = None
    agent: subprocess.Popen[bytes] | None = None
    try:
        say("starting an AppConfig service (ministack)")
        service = Service()
        service.wait()
        say(f"deploying two configurations to {APPLICATION}:{ENVIRONMENT}")
        client = connect(service.url)
        deploy(client, APPLICATION, ENVIRONMENT, "features", stored_flags(FLAGS),
               feature_flags=True, version_label="v1")  # fmt: skip
        deploy(client, APPLICATION, ENVIRONMENT, "settings", SETTINGS, "application/x-yaml")
        say(f"starting fastext on port {port}; it polls every {POLL_INTERVAL_S} s")
        agent = start_agent(service.url, port)
        wait_for(agent, port)
        invite(service.url, port)
        return follow(service, agent)
    except Ended:
        say("ending")
        return 0
    except ServiceFailed as fault:
        say(str(fault))
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for process in (agent, service.process if service else None):
            if process is not None and process.poll() is None:
                process.terminate()
        if agent is not None:
            agent.wait()
        if service is not None:
            service.stop()


def end(_signum: int, _frame: FrameType | None) -> None:
    raise Ended


def say(line: str) -> None:
    print(f"* {line}", flush=True)


def start_agent(endpoint_url: str, port: int) -> "subprocess.Popen[bytes]":
    prefix = "AWS_APPCONFIG_EXTENSION_"
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", prefix)) and not name.lower().endswith("_proxy")
    }
    names = [f"{APPLICATION}:{ENVIRONMENT}:{profile}" for profile in ("features", "settings")]
    return subprocess.Popen(
        [ROOT / ".venv" / "bin" / "fastext"],
        env={
            **inherited,
            "AWS_ENDPOINT_URL": endpoint_url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            prefix + "HTTP_PORT": str(port),
            prefix + "POLL_INTERVAL_SECONDS": str(POLL_INTERVAL_S),
            prefix + "PREFETCH_LIST": ",".join(names),
        },
        # Ctrl-C reaches this process alone, which then ends the others in order.
        start_new_session=True,
    )


def wait_for(agent: "subprocess.Popen[bytes]", port: int) -> None:
    """Return when fastext answers. Raises ServiceFailed when it has ended instead."""
    while agent.poll() is None:
        try:
            urllib.request.urlopen(f"http://localhost:{port}/ping", timeout=5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise ServiceFailed(
        "fastext did not start; if the port is taken, choose another: make run HTTP_PORT=2773"
    )


def invite(endpoint_url: str, port: int) -> None:
    base = f"http://localhost:{port}/applications/{APPLICATION}/environments/{ENVIRONMENT}"
    print(
        f"""
Try:
  curl -i '{base}/configurations/features'
  curl '{base}/configurations/features?flag=free_shipping&flag=dark_mode'
  curl '{base}/configurations/settings'

Deploy a change, served after the next poll, within about {POLL_INTERVAL_S} s:
  .venv/bin/python -m dev.deploy {endpoint_url} dark_mode=on

Ctrl-C ends everything.
""",
        flush=True,
    )


def follow(service: Service, agent: "subprocess.Popen[bytes]") -> int:
    """Until one of the two ends by itself: 1, with what it said last."""
    while True:
        time.sleep(0.2)
        if service.process.poll() is not None:
            say(f"the AppConfig service has ended:\n{service.log_tail()}")
            return 1
        if agent.poll() is not None:
            say(f"fastext has ended with status {agent.returncode}")
            return 1


if __name__ == "__main__":
    if not COMMAND.exists():
        sys.exit(f"{COMMAND} is missing; start this by 'make run'")
    sys.exit(main())
