"""Polls that find nothing new, back to back.

    python -m benches.anchors.poll_client KIND COUNT

KIND is `plain botocore`, or the name of one of fastext's data clients. Endpoint, credentials and
certificates are those of the environment. Writes the CPU nanoseconds of one poll.
"""

import os
import sys
import time
from collections.abc import Callable

from benches.harness.documents import KEY_PREFIX

CONFIGURATION = "features"
WARM_UP = 5
DEADLINE_S = 30.0


def plain_botocore() -> Callable[[], bool]:
    """A client as botocore makes it; whether a poll has found something new."""
    import botocore.session

    client = botocore.session.Session().create_client(
        "appconfigdata", region_name=os.environ["AWS_REGION"]
    )
    application, environment = KEY_PREFIX
    token = client.start_configuration_session(
        ApplicationIdentifier=application,
        EnvironmentIdentifier=environment,
        ConfigurationProfileIdentifier=CONFIGURATION,
    )["InitialConfigurationToken"]

    def poll() -> bool:
        nonlocal token
        answer = client.get_latest_configuration(ConfigurationToken=token)
        token = answer["NextPollConfigurationToken"]
        return bool(answer["Configuration"].read())

    return poll


def ours(kind: str) -> Callable[[], bool]:
    """A session by one of fastext's own clients."""
    from fastext.deadline import Deadline
    from fastext.session import ConfigurationSession, DataClient
    from fastext.settings import Settings

    environ = dict(os.environ)
    settings = Settings.from_env(environ, in_lambda=False)
    client: DataClient
    if kind == "direct":
        from fastext.direct import DirectAppConfigData, plan

        planned = plan(settings, environ)
        assert planned is not None, "the direct client does for this environment"
        client = DirectAppConfigData(planned)
    else:
        from fastext.client import AppConfigData

        client = AppConfigData(settings, environ)
    session = ConfigurationSession(client, (*KEY_PREFIX, CONFIGURATION), 60.0)
    return lambda: session.poll(Deadline(DEADLINE_S)) is not None


def main() -> None:
    kind, count = sys.argv[1], int(sys.argv[2])
    poll = plain_botocore() if kind == "plain botocore" else ours(kind)
    assert poll(), "the first poll brings the document"
    for _ in range(WARM_UP):
        assert not poll(), "nothing new is found"
    begin = time.process_time_ns()
    for _ in range(count):
        if poll():
            raise AssertionError("nothing new was deployed")
    print((time.process_time_ns() - begin) // count)


if __name__ == "__main__":
    main()
