"""Functions inside one process, timed by pyperf, each in worker processes of its own.

A group of this kind has `MICRO`: a list of `Micro`. The suite runs each as

    python -m benches.harness.micro GROUP CASE SUBJECT [pyperf's options]

because pyperf starts its workers from the same command line.
"""

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyperf

from benches import ROOT
from benches.harness import machine, statistics
from benches.harness.model import Measure, Outcome
from benches.harness.suite import Case, Context

PROGRAM = "benches.harness.micro"  # not __name__, which is __main__ there

# Enough for a spread of a few per cent: processes differ more than values within one.
FULL = ("--processes=5", "--values=3", "--warmups=1", "--min-time=0.04")
QUICK = ("--processes=2", "--values=2", "--warmups=1", "--min-time=0.02")


@dataclass(frozen=True)
class Micro:
    """`prepare` gives the function to time and its arguments, when the answer has been checked."""

    case: str
    subject: str
    prepare: Callable[[], tuple[Callable[..., Any], tuple[Any, ...]]]


def cases(group: str, micros: Sequence[Micro]) -> tuple[Case, ...]:
    """The cases of a group, in the order of the list; each has several subjects."""
    names = dict.fromkeys(each.case for each in micros)
    return tuple(
        Case(name, partial(_run, group, [each for each in micros if each.case == name]),
             rounds=1)
        for name in names
    )  # fmt: skip


def _run(group: str, micros: Sequence[Micro], context: Context) -> Iterator[Outcome]:
    for micro in micros:
        yield _timed(group, micro, context)
    context.step()


def _timed(group: str, micro: Micro, context: Context) -> Measure:
    options = QUICK if context.quick else FULL
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "pyperf.json"
        subprocess.run(
            [sys.executable, "-m", PROGRAM, group, micro.case, micro.subject, *options,
             "--quiet", f"--affinity={context.server_core}", "-o", output],
            check=True, cwd=ROOT, env=machine.plain_environ(), stdout=subprocess.DEVNULL,
        )  # fmt: skip
        benchmark = json.loads(output.read_text())["benchmarks"][0]
    values = [
        statistics.median(run["values"]) * 1e9 for run in benchmark["runs"] if "values" in run
    ]
    return statistics.measure(group, micro.case, micro.subject, "ns", values)


def main() -> None:
    def pass_on(command: list[str], arguments: argparse.Namespace) -> None:
        command.extend((arguments.group, arguments.case, arguments.subject))

    runner = pyperf.Runner(program_args=("-m", PROGRAM), add_cmdline_args=pass_on)
    for name in ("group", "case", "subject"):
        runner.argparser.add_argument(name)
    arguments = runner.parse_args()
    module = importlib.import_module(f"benches.bench_{arguments.group}")
    (micro,) = (
        each
        for each in module.MICRO
        if (each.case, each.subject) == (arguments.case, arguments.subject)
    )
    function, given = micro.prepare()
    runner.bench_func(f"{micro.case}: {micro.subject}", function, *given)


if __name__ == "__main__":
    main()
