"""Runs the soak, tells what was found, and writes it down.

python -m soak --minutes 10 --publish docs/reliability.md
"""

import argparse
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from fakes.appconfig import FakeAppConfig
from fakes.lambda_api import FakeLambdaApi
from rich.progress import Progress

from soak.documents import Documents
from soak.lives import NAMES, Ending, Waiting, start
from soak.memory import Memory
from soak.readers import Reader
from soak.report import Findings, publish, shown
from soak.troubles import Troubles

READERS = 3


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--client", choices=["direct", "botocore"], default="direct")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--publish", type=Path, help="renew the figures in this Markdown file")
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.client} client, {options.minutes:g} minutes", flush=True)
    findings = soak(options.minutes * 60, options.client, options.seed)
    print(shown(findings))
    for line in findings.wrong[:20]:
        print(f"WRONG: {line}")
    if options.publish:
        publish(options.publish, findings)
    return 1 if findings.wrong else 0


def soak(seconds: float, client: str, seed: int) -> Findings:
    """Everything at once for so many seconds."""
    ended = threading.Event()
    findings = Findings(seconds, client, seed)
    with ExitStack() as stack:
        # Three services, because a fault that one extension is to meet with is none of another's.
        busy, quiet, brief = (stack.enter_context(FakeAppConfig()) for _ in range(3))
        api = stack.enter_context(FakeLambdaApi())
        for service in (busy, quiet, brief):
            service.next_poll_interval_s = 0
        documents = Documents(busy)
        others = Documents(quiet)
        Documents(brief)
        program = start(busy, api, client, NAMES)
        stack.callback(program.stop)
        api.wait_next(1)
        troubles = Troubles(program, busy, api, documents, ended, seed)
        readers = [
            Reader(program.port, documents, ended, findings.note, seed + place, invoked=True)
            for place in range(READERS)
        ]
        waiting = Waiting(quiet, others, ended, findings.note)
        ending = Ending(brief, ended, findings.note, seed)
        memory = Memory(program.process.pid)
        threads = [troubles, *readers, waiting, ending]
        for thread in threads:
            thread.start()
        watch(seconds, program.process.poll, memory, findings)
        ended.set()
        for thread in threads:
            thread.join(60)
        if troubles.fault is not None:
            findings.note(f"troubles: {type(troubles.fault).__name__}: {troubles.fault}")
        calls = busy.calls
        api.shutdown()
        try:
            findings.exit_status = program.wait()
        except subprocess.TimeoutExpired:
            findings.note(f"SHUTDOWN did not end it: {program.log[-1000:]}")
    findings.take(troubles, readers, waiting, ending, memory, calls)
    return findings


def watch(
    seconds: float,
    ended: Callable[[], int | None],
    memory: Memory,
    findings: Findings,
) -> None:
    """Sample the memory until the time is over, or something is wrong."""
    begun = time.monotonic()
    with Progress(transient=True) as progress:
        task = progress.add_task("soaking", total=seconds)
        while (passed := time.monotonic() - begun) < seconds and len(findings.wrong) < 20:
            progress.update(task, completed=passed)
            if ended() is not None:
                findings.note("the extension has ended")
                return
            memory.sample()
            time.sleep(0.5)


sys.exit(main())
