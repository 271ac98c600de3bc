"""`python -m benches`: runs the suite, or a part of it, and says which figures it has reached."""

import argparse
import os
import resource
import sys
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benches import ROOT
from benches.bench_client import CLIENT
from benches.bench_memory import MEMORY
from benches.bench_parse import PARSE
from benches.bench_refresh import REFRESH
from benches.bench_rules import RULES
from benches.bench_scale import SCALE
from benches.bench_select import SELECT
from benches.bench_startup import START
from benches.bench_update import UPDATE
from benches.bench_wire import WIRE
from benches.figures import FIGURES
from benches.harness import machine, report
from benches.harness.model import Results
from benches.harness.suite import Case, Context, Group, run_case, selected
from benches.harness.verdict import Standing, Verdict, verdicts
from benches.instructions import comparisons_of_file

GROUPS = (PARSE, SELECT, UPDATE, WIRE, RULES, CLIENT, REFRESH, START, MEMORY, SCALE)
OUTPUT = ROOT / ".cache" / "benches" / "results"
NAME = "latest.json"
DESCRIPTORS = 20_000  # for a thousand connections on either side


def main() -> int:
    """1 where a figure of the table is missed or a case has failed."""
    options = arguments().parse_args()
    console = Console()
    if options.list:
        console.print(listed(GROUPS))
        return 0
    try:
        chosen = selected(GROUPS, options.only)
        old = Results.load(options.compare) if options.compare else None
    except (OSError, ValueError) as fault:
        console.print(f"[red]{fault}[/red]")
        return 2
    results, failed = run(chosen, options.quick, tuple(options.only), console)
    found = judged(results)
    save(results, found, options.output)
    if found:
        console.print(report.verdict_table(found))
    if old is not None:
        console.print(report.comparison_table(old, results))
    for skip in results.skips:
        console.print(
            f"[bold yellow]SKIPPED[/bold yellow] {skip.group}, {skip.case}: {skip.reason}"
        )
    console.print(f"{results.seconds:.0f} s; results in {options.output}")
    missed = [each for each in found if each.standing is Standing.MISSED]
    return 1 if missed or failed else 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benches", description=__doc__)
    parser.add_argument("--list", action="store_true", help="show groups and cases")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="GROUP[,CASE]",
        help="a group, or one of its cases; * stands for anything; repeatable",
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds, at most 3 minutes")
    parser.add_argument("--compare", type=Path, metavar="OLD.json", help="earlier results")
    parser.add_argument("--output", type=Path, metavar="DIR", default=OUTPUT,
                        help="where results, tables and plots go (%(default)s)")  # fmt: skip
    return parser


def listed(groups: Sequence[Group]) -> Table:
    table = Table("group", "case", "what")
    for group in groups:
        for case in group.cases:
            table.add_row(group.name, case.name, group.what if case is group.cases[0] else "")
    return table


def run(
    chosen: Sequence[tuple[Group, Case]], quick: bool, selection: tuple[str, ...], console: Console
) -> tuple[Results, list[str]]:
    """What was found, and the names of cases that have failed."""
    results = Results(machine.environment(), quick, selection)
    failed: list[str] = []
    begin = time.monotonic()
    context = prepare(quick)
    # Drawn between runs only: a progress bar that draws itself would be measured.
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                  TimeElapsedColumn(), console=console, auto_refresh=False
                  ) as progress:  # fmt: skip
        total = sum(context.rounds(case.rounds) for _, case in chosen)
        task = progress.add_task("", total=total)

        def step() -> None:
            progress.update(task, advance=1, refresh=True)

        context.step = step
        done = 0
        for _, members in groupby(chosen, key=lambda each: each[0].name):
            with context.serve():
                for group, case in members:
                    name = f"{group.name}: {case.name}"
                    progress.update(task, description=name, refresh=True)
                    try:
                        results.add(run_case(group, case, context))
                    except Exception as fault:
                        failed.append(name)
                        progress.console.print(f"[bold red]FAILED[/bold red] {name}: {fault!r}")
                    done += context.rounds(case.rounds)
                    progress.update(task, completed=done, refresh=True)
    results.seconds = time.monotonic() - begin
    return results, failed


def prepare(quick: bool) -> Context:
    """The machine made ready: this process off the servers' core, enough descriptors."""
    context = Context(quick=quick)
    os.sched_setaffinity(0, {context.other_core})
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, hard), hard))
    return context


def judged(results: Results) -> list[Verdict]:
    """Every figure after a whole run, or after a part of one those that it has measured."""
    whole = not results.selection
    if whole:
        results.add(comparisons_of_file())
    return verdicts(FIGURES, results.comparisons, all_of_them=whole)


def save(results: Results, found: Sequence[Verdict], folder: Path) -> None:
    """JSON, Markdown and plots."""
    results.save(folder / NAME)
    tables = report.markdown(results, found, [group.name for group in GROUPS])
    (folder / NAME).with_suffix(".md").write_text(tables)
    from benches.harness import plots  # matplotlib is not needed while something is measured

    plots.draw_all(results, folder)


if __name__ == "__main__":
    sys.exit(main())
