"""What a function in Python does to read a configuration, again and again.

    python -m benches.anchors.python_client KIND PORT CONFIGURATION COUNT

Writes COUNT numbers of 8 bytes to standard output: nanoseconds of each read. KIND is one of
`READERS`. The content of every read must be the same, and is written to standard error once.
"""

import array
import http.client
import sys
import time
import urllib.request
from collections.abc import Callable

from benches.harness.documents import KEY_PREFIX, target

WARM_UP = 20


def documented(port: int, configuration: str) -> Callable[[], bytes]:
    """The example of AWS's user guide: urllib, a connection for each read."""
    url = f"http://localhost:{port}{target(configuration)}"

    def read() -> bytes:
        content: bytes = urllib.request.urlopen(url).read()
        return content

    return read


def kept_alive(port: int, configuration: str) -> Callable[[], bytes]:
    """http.client with one connection."""
    connection = http.client.HTTPConnection("localhost", port)

    def read() -> bytes:
        connection.request("GET", target(configuration))
        return connection.getresponse().read()

    return read


def powertools(port: int, configuration: str) -> Callable[[], bytes]:
    """Powertools' provider for the agent, made to ask each time."""
    from aws_lambda_powertools.utilities.parameters import AppConfigExtensionProvider

    application, environment = KEY_PREFIX
    provider = AppConfigExtensionProvider(environment, application, port=port)

    def read() -> bytes:
        content = provider.get(configuration, force_fetch=True)
        return content if isinstance(content, bytes) else str(content).encode()

    return read


READERS = {"urllib": documented, "http.client": kept_alive, "powertools": powertools}


def main() -> None:
    kind, port, configuration, count = sys.argv[1:]
    read = READERS[kind](int(port), configuration)
    contents = {read() for _ in range(WARM_UP)}
    took = array.array("q")
    for _ in range(int(count)):
        start = time.perf_counter_ns()
        content = read()
        took.append(time.perf_counter_ns() - start)
        contents.add(content)
    (content,) = contents
    sys.stderr.buffer.write(content)
    sys.stdout.buffer.write(took.tobytes())


if __name__ == "__main__":
    main()
