"""Deploys a change of one flag to the service that `make run` has started.

.venv/bin/python -m dev.deploy http://127.0.0.1:PORT FLAG=on|off
"""

import argparse

from dev.control_plane import connect, deploy, stored_flags
from dev.run import APPLICATION, ENVIRONMENT, FLAGS, POLL_INTERVAL_S


def main() -> None:
    parser = argparse.ArgumentParser(description="Switch a flag of the demonstration on or off.")
    parser.add_argument("endpoint", help="the AppConfig service, as 'make run' names it")
    parser.add_argument("change", help="FLAG=on or FLAG=off")
    arguments = parser.parse_args()
    flag, _, state = arguments.change.partition("=")
    if flag not in FLAGS or state not in ("on", "off"):
        parser.error(f"not FLAG=on or FLAG=off, with a flag of {', '.join(FLAGS)}")
    values = {**FLAGS, flag: {**FLAGS[flag], "enabled": state == "on"}}
    deploy(connect(arguments.endpoint), APPLICATION, ENVIRONMENT, "features",
           stored_flags(values), feature_flags=True)  # fmt: skip
    print(f"deployed {flag}={state}; served after the next poll, within {POLL_INTERVAL_S} s or so")


if __name__ == "__main__":
    main()
