"""What a function in Python sees: each read, and its first document.

Reads are timed inside the client, which shares one core with the server. The first document is
timed from the start of a process, interpreter included, because both ways need one.
"""

import array
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain

from benches import ROOT
from benches.anchors.first_document import programs
from benches.harness import machine, statistics
from benches.harness.documents import KEY_PREFIX, SMALL, target
from benches.harness.model import Outcome
from benches.harness.servers import (
    CREDENTIALS,
    FASTEXT,
    NGINX,
    NGINX_DEFERRED,
    Server,
    WrongAnswer,
)
from benches.harness.suite import Case, Context, Group
from benches.harness.upstream import secure_app_config

GROUP = "client"
DOCUMENT = f"bytes-{SMALL}"
ROUNDS = 15
FIRST_ROUNDS = 11
READS = 500
TIMEOUT_S = 120.0


def reads(kind: str, server: Server, content: bytes, core: int) -> list[int]:
    """Nanoseconds of single reads by a new client process."""
    command = [sys.executable, "-m", "benches.anchors.python_client", kind, str(server.port),
               DOCUMENT, str(READS)]  # fmt: skip
    with machine.on_core(core):
        done = subprocess.run(
            command, capture_output=True, cwd=ROOT, env=machine.plain_environ(),
            timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
    if done.returncode or done.stderr != content:
        raise WrongAnswer(f"{kind} from {server.name}: {done.stderr[-500:]!r}")
    return array.array("q", done.stdout).tolist()


def by_client(case: str, kind: str, figures: Mapping[str, str], context: Context
              ) -> Iterator[Outcome]:  # fmt: skip
    content = context.servers.documents[DOCUMENT]
    servers, skips = context.available(GROUP, case, (FASTEXT, NGINX, NGINX_DEFERRED))
    yield from skips
    turns = {
        name: partial(reads, kind, server, content, context.server_core)
        for name, server in servers.items()
    }
    given = statistics.interleaved(turns, context.rounds(ROUNDS), context.step)
    medians = {name: [statistics.median(run) for run in runs] for name, runs in given.items()}
    for name, runs in given.items():
        samples = list(chain.from_iterable(runs))
        yield statistics.measure(GROUP, case, name, "ns", medians[name], samples)
        if name != FASTEXT:
            yield statistics.compare(
                GROUP, case, FASTEXT, name, medians[FASTEXT], medians[name], figures.get(name, "")
            )


def first(program: str, environ: Mapping[str, str], content: bytes, core: int
          ) -> tuple[float, float]:  # fmt: skip
    """Milliseconds from the start of a process to its document, and its resident set in MB."""
    with machine.on_core(core):
        begin = time.monotonic_ns()
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, env=environ,
            timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
    times, _, received = done.stdout.partition(b"\n")
    if done.returncode or received != content:
        raise WrongAnswer(done.stderr.decode(errors="replace"))
    got_at, rss_kb = map(int, times.split())
    return (got_at - begin) / 1e6, rss_kb / 1024


def first_document(case: str, context: Context) -> Iterator[Outcome]:
    content = context.servers.documents[DOCUMENT]
    server = context.servers.get(FASTEXT)
    with secure_app_config() as (service, bundle):
        service.deploy(*KEY_PREFIX, DOCUMENT, content)
        environ = {**machine.plain_environ(), **CREDENTIALS, "AWS_ENDPOINT_URL": service.url,
                   "AWS_CA_BUNDLE": str(bundle)}  # fmt: skip
        texts = programs(server.port, target(DOCUMENT), *KEY_PREFIX, DOCUMENT)
        turns = {
            name: partial(first, text, environ, content, context.server_core)
            for name, text in texts.items()
        }
        for run in turns.values():
            run()  # writes what Python caches of the modules
        given = statistics.interleaved(turns, context.rounds(FIRST_ROUNDS), context.step)
    times = {name: [ms for ms, _ in runs] for name, runs in given.items()}
    for name, runs in given.items():
        yield statistics.measure(GROUP, case, name, "ms", times[name])
        memory = [rss for _, rss in runs]
        yield statistics.measure(GROUP, f"{case}, memory", name, "MB", memory)
    ours, boto3 = "fastext by urllib", "boto3 in the function"
    for name in times:
        if name != ours:
            figure = "client.first" if name == boto3 else ""
            yield statistics.compare(GROUP, case, ours, name, times[ours], times[name], figure)


CASES = (
    Case("urllib, as documented",
         partial(by_client, "urllib, as documented", "urllib", {NGINX: "client.urllib.nginx"}),
         ROUNDS),
    Case("http.client, kept alive",
         partial(by_client, "http.client, kept alive", "http.client", {}), ROUNDS),
    Case("Powertools", partial(by_client, "Powertools", "powertools", {}), ROUNDS),
    Case("first document", partial(first_document, "first document"), FIRST_ROUNDS),
)  # fmt: skip

CLIENT = Group(GROUP, "a function in Python as the client", CASES)
