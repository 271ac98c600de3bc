"""Deploys a change of one flag to the service that `make run` has started.

.venv/bin/python -m dev.deploy http://127.0.0.1:PORT FLAG=on|off
"""

import argparse
import json
import sys

from botocore.exceptions import BotoCoreError, ClientError

from dev.control_plane import connect, deploy, latest, stored_flags
from dev.run import APPLICATION, ENVIRONMENT, FLAGS, POLL_INTERVAL_S

STATES = ("off", "on")


def main() -> int:
    parser = argparse.ArgumentParser(description="Switch a flag of the demonstration on or off.")
    parser.add_argument("endpoint", help="the AppConfig service, as 'make run' names it")
    parser.add_argument("change", help="FLAG=on or FLAG=off")
    arguments = parser.parse_args()
    flag, _, state = arguments.change.partition("=")
    if flag not in FLAGS or state not in STATES:
        parser.error(f"not FLAG=on or FLAG=off, with a flag of {', '.join(FLAGS)}")
    try:
        client = connect(arguments.endpoint)
        values = json.loads(latest(client, APPLICATION, "features"))["values"]
        before = STATES[values[flag]["enabled"]]
        values[flag]["enabled"] = state == "on"
        deploy(client, APPLICATION, ENVIRONMENT, "features", stored_flags(values),
               feature_flags=True)  # fmt: skip
    except (BotoCoreError, ClientError, LookupError, ValueError) as fault:
        print(f"not deployed: {fault}; is 'make run' running, and at this address?")
        return 1
    print(
        f"deployed: {flag} was {before} and is {state} now; "
        f"served after the next poll, within about {POLL_INTERVAL_S} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
