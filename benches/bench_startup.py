"""The start of the installed package, beside a bare start of the same Python.

Everything is observed from outside, as Lambda and the function see it:

    registered  the Extensions API has answered `register`
    serving     a request that was sent right after that is answered
    prefetched  the service has handed over the document of PREFETCH_LIST, over TLS
    next event  the extension asks for its first event

The certificates to trust are one file with one authority, as with AWS_CA_BUNDLE.
"""

import http.client
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benches.harness import build, machine, statistics
from benches.harness.documents import KEY_PREFIX, sized_document
from benches.harness.model import Outcome
from benches.harness.servers import fastext_environ
from benches.harness.suite import Case, Context, Group
from benches.harness.upstream import AppConfig, LambdaApi, secure_app_config
from dev.service import free_port

GROUP = "start"
ROUNDS = 41
CONFIGURATION = "features"
DOCUMENT_BYTES = 10 * 1024
TIMEOUT_S = 30.0

BARE = "bare interpreter"
PHASES = ("registered", "serving", "prefetched", "next event")
CLIENTS = ("direct", "botocore")

PRINT_CLOCK = "import time; print(time.monotonic_ns())"
WAIT = "import posix; posix.write(1, b'.'); posix.read(0, 1)"


@dataclass(frozen=True)
class Start:
    """Milliseconds from the start of the process to each of `PHASES`, and RSS at the end."""

    phases: tuple[float, ...]
    rss_bytes: int


def spawn(command: Sequence[str], environ: Mapping[str, str], core: int, **options: object
          ) -> subprocess.Popen[bytes]:  # fmt: skip
    """Without anything between fork and exec, so that spawning costs the same for all."""
    with machine.on_core(core):
        return subprocess.Popen(command, env=environ, close_fds=False, **options)  # type: ignore[call-overload,no-any-return]


def bare_start_ms(core: int) -> float:
    """Milliseconds to the first instruction of a program without site."""
    interpreter = str(build.installed().interpreter)
    begin = time.monotonic_ns()
    process = spawn([interpreter, "-I", "-S", "-c", PRINT_CLOCK], machine.plain_environ(), core,
                    stdout=subprocess.PIPE)  # fmt: skip
    output, _ = process.communicate(timeout=TIMEOUT_S)
    return (int(output) - begin) / 1e6


def bare_rss_bytes(core: int) -> int:
    """What a bare interpreter holds."""
    interpreter = str(build.installed().interpreter)
    process = spawn([interpreter, "-I", "-S", "-c", WAIT], machine.plain_environ(), core,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert process.stdout is not None
    process.stdout.read(1)
    rss = machine.rss_bytes(process.pid)
    process.communicate(b".", timeout=TIMEOUT_S)
    return rss


def start(
    command: Sequence[str],
    client: str,
    service: AppConfig,
    bundle: Path,
    core: int,
    *,
    prefetch: bool = True,
) -> Start:
    """One start under the Extensions API, to the call of next. Raises TimeoutError."""
    port = free_port()
    service.answered_at = 0
    with LambdaApi() as api, tempfile.TemporaryFile() as log:
        variables = {
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "AWS_CA_BUNDLE": str(bundle),
            "FASTEXT_DATA_CLIENT": client,
        }
        if prefetch:
            key = ":".join((*KEY_PREFIX, CONFIGURATION))
            variables["AWS_APPCONFIG_EXTENSION_PREFETCH_LIST"] = key
        environ = fastext_environ(port, service.url, variables)
        begin = time.monotonic_ns()
        process = spawn(command, environ, core, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            api.wait_registered()
            serving_at = answered_ping(port)
            api.wait_next()
            rss = machine.rss_bytes(process.pid)
        except (TimeoutError, OSError) as fault:
            log.seek(0)
            raise TimeoutError(f"{fault}: {log.read().decode(errors='replace')}") from fault
        finally:
            process.kill()
            process.wait()
    if prefetch and not service.answered_at:
        raise TimeoutError("nothing was prefetched")
    moments = (api.registered_at, serving_at, service.answered_at, api.next_at)
    return Start(tuple((moment - begin) / 1e6 for moment in moments), rss)


def answered_ping(port: int) -> int:
    """When a request that is sent now is answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    connection.request("GET", "/ping")
    answer = connection.getresponse()
    moment = time.monotonic_ns()
    assert answer.status == 200, answer.status
    connection.close()
    return moment


def phases(context: Context) -> Iterator[Outcome]:
    """The boot file with each data client, and the command that pip makes, in turns."""
    core = context.server_core
    package = build.installed()
    with secure_app_config() as (service, bundle):
        service.deploy(*KEY_PREFIX, CONFIGURATION, sized_document(DOCUMENT_BYTES))
        subjects: dict[str, Callable[[], Start]] = {}
        for client in CLIENTS:
            subjects[client] = partial(start, package.bare, client, service, bundle, core)
            subjects[f"{client}, command of pip"] = partial(
                start, [os.fspath(package.command)], client, service, bundle, core
            )
        for run in subjects.values():
            run()  # the first start may have to write what Python caches of the modules
        turns: dict[str, Callable[[], Start]] = {
            BARE: lambda: Start((bare_start_ms(core),) * len(PHASES), 0),
            **subjects,
        }
        given = statistics.interleaved(turns, context.rounds(ROUNDS), context.step)
    bare = [each.phases[0] for each in given[BARE]]
    for place, phase in enumerate(PHASES):
        yield statistics.measure(GROUP, phase, BARE, "ms", bare)
        for name in subjects:
            taken = [each.phases[place] for each in given[name]]
            named = name in CLIENTS and phase != "next event"
            figure = f"start.{name}.{phase}" if named else ""
            yield statistics.measure(GROUP, phase, name, "ms", taken)
            yield statistics.compare(GROUP, phase, name, BARE, taken, bare, figure)


CASES = (Case("phases", phases, ROUNDS),)

START = Group(GROUP, "from exec to registered, serving, prefetched, next event", CASES)
