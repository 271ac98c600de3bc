"""User instructions of a request and of the start, counted by callgrind, and kept in a file.

    python -m benches.instructions            count, and renew instructions.json
    python -m benches.instructions --check    count, and fail where one has grown by over 5 %

The kernel's instructions are not seen, and time is not measured: what remains repeats to well
under one per cent, so that it can be held against a file. Requests come a fixed time apart: a
server that found the next one waiting would save steps, now and then. Numbers of another
compiler, Python or library cannot be compared, so the file names those it was made with.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fakes.appconfig import FakeAppConfig
from rich.console import Console
from rich.table import Table

from benches import FOLDER
from benches.figures import INSTRUCTIONS
from benches.harness import build, clients, machine, report
from benches.harness.build import Missing
from benches.harness.clients import Requests
from benches.harness.documents import KEY_PREFIX, SMALL, request, sized_document, target
from benches.harness.model import Comparison
from benches.harness.servers import fastext_environ
from benches.harness.upstream import LambdaApi
from benches.harness.verdict import Standing, verdicts
from dev.service import free_port

FILE = FOLDER / "instructions.json"
TOLERANCE = 0.05

CONFIGURATION = f"bytes-{SMALL}"
FEW, MANY = 500, 3000  # requests: the difference cancels what a connection and a dump cost
INTERVAL_NS = 500_000  # longer than a request takes under callgrind
TIMEOUT_S = 120.0

# What each request is, and whether its connection is kept.
REQUESTS = {
    "hit": ("keep", request(target(CONFIGURATION))),
    "unseen": ("keep", request(target(CONFIGURATION), unique=True)),
    "close": ("close", request(target(CONFIGURATION), close=True)),
}
START = "start"

# What decides how many instructions the same source takes, besides Python and compiler.
PACKAGES = ("httptools", "orjson", "uvloop")

Counts = Mapping[str, int]


@dataclass(frozen=True)
class Record:
    """What `instructions.json` holds."""

    toolchain: Mapping[str, str]
    instructions: Counts

    @classmethod
    def load(cls) -> "Record":
        return cls(**json.loads(FILE.read_text()))

    def save(self) -> None:
        FILE.write_text(json.dumps(vars(self), indent=2) + "\n")


class Counted:
    """fastext under callgrind; each `count` gives the instructions since the one before."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._dumps = 0
        package = build.installed()
        valgrind = build.system_program("valgrind", "valgrind")
        self._vgdb = valgrind.with_name("vgdb")
        # As a layer starts it, but for -I, with which the seed of hashes could not be fixed.
        # setarch: the same addresses each time.
        command: list[str | Path] = ["setarch", "-R", valgrind, "--tool=callgrind",
                   f"--callgrind-out-file={folder / 'out'}",
                   package.interpreter, "-S", "-P", "-s", package.boot]  # fmt: skip
        self._log = (folder / "log").open("w+")
        self._process = subprocess.Popen(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )

    def __enter__(self) -> "Counted":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()

    def count(self) -> int:
        self._dumps += 1
        done = subprocess.run(
            [self._vgdb, f"--pid={self._process.pid}", "dump"],
            capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
        path = self._folder / f"out.{self._dumps}"
        if not path.exists():
            raise RuntimeError(f"callgrind gives no counts: {done.stderr}{self.log()}")
        totals = (line for line in path.read_text().splitlines() if line.startswith("totals:"))
        return int(next(totals).split()[1])

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()[-2000:]


def counted() -> dict[str, int]:
    """Instructions of the start, and of one request of each kind. Raises Missing."""
    port = free_port()
    _, other_core = machine.cores()
    with tempfile.TemporaryDirectory() as folder, FakeAppConfig() as service, LambdaApi() as api:
        service.deploy(*KEY_PREFIX, CONFIGURATION, sized_document(SMALL))
        environ = environment(port, service.url, api.address)
        with Counted(Path(folder), environ) as program:
            try:
                api.wait_next()
            except TimeoutError as fault:
                raise RuntimeError(f"{fault}: {program.log()}") from fault
            counts = {START: program.count()}
            for name, (mode, text) in REQUESTS.items():
                with Requests([text]) as requests:
                    totals = []
                    for number in (FEW, FEW, MANY):  # the first time warms up
                        clients.round_trips(port, mode, number, requests, other_core, INTERVAL_NS)
                        totals.append(program.count())
                counts[name] = round((totals[2] - totals[1]) / (MANY - FEW))
    return counts


def environment(port: int, service_url: str, lambda_api: str) -> dict[str, str]:
    """Nothing of this machine's own environment, because its size counts too."""
    variables = {
        "AWS_LAMBDA_RUNTIME_API": lambda_api,
        "AWS_APPCONFIG_EXTENSION_PREFETCH_LIST": ":".join((*KEY_PREFIX, CONFIGURATION)),
        "PYTHONHASHSEED": "0",
    }
    ours = ("AWS_", "PYTHON")
    found = fastext_environ(port, service_url, variables)
    return {name: value for name, value in found.items() if name.startswith(ours)} | {
        "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8",
    }  # fmt: skip


def toolchain() -> dict[str, str]:
    """What two counts must have in common to be comparable."""
    here = machine.environment()
    valgrind = build.system_program("valgrind", "valgrind")
    version = subprocess.run([valgrind, "--version"], capture_output=True, text=True, check=True)
    names = ("machine", "python", "python_compiler", "compiler", "libc")
    return (
        {name: str(here[name]) for name in names}
        | {name: here["packages"][name] for name in (*PACKAGES, "Cython")}
        | {"valgrind": version.stdout.strip()}
    )


def differences(kept: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """What the two toolchains do not have in common, one line each."""
    return [
        f"{name}: {kept.get(name, 'none')} in the file, {here.get(name, 'none')} here"
        for name in sorted(kept.keys() | here.keys())
        if kept.get(name) != here.get(name)
    ]


def grown(kept: Counts, now: Counts) -> list[str]:
    """The names whose count is larger than the kept one by more than the tolerance."""
    return [name for name in kept if now[name] > kept[name] * (1 + TOLERANCE)]


def comparisons_of_file() -> list[Comparison]:
    """What the file says of the figures to reach."""
    if not FILE.exists():
        return []
    return comparisons(Record.load().instructions)


def comparisons(counts: Counts) -> list[Comparison]:
    found = []
    for figure in INSTRUCTIONS:
        name = figure.name.partition(".")[2]
        value = float(counts[name])
        found.append(
            Comparison("instructions", name, "fastext", "", value, value, value, 1, figure.name)
        )
    return found


def main() -> int:
    """1 where a count has grown by too much, or misses its figure."""
    parser = argparse.ArgumentParser(prog="python -m benches.instructions", description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--check", action="store_true", help="compare with the file, keep it")
    checking = parser.parse_args().check
    console = Console()
    try:
        here = toolchain()
        if checking and (lines := differences(Record.load().toolchain, here)):
            console.print(
                "[bold yellow]SKIPPED: counts of this toolchain cannot be compared with those "
                f"in {FILE.name}; make bench-instructions renews it[/bold yellow]"
            )
            console.print("\n".join(lines))
            return 0
        counts = counted()
    except Missing as lack:
        console.print(f"[bold yellow]SKIPPED: {lack}[/bold yellow]")
        return 0
    kept = Record.load().instructions if FILE.exists() else counts
    console.print(table(kept, counts))
    found = verdicts(INSTRUCTIONS, comparisons(counts), all_of_them=True)
    console.print(report.verdict_table(found))
    if not checking:
        Record(here, counts).save()
        console.print(f"kept in {FILE}")
    missed = [each.figure.name for each in found if each.standing is Standing.MISSED]
    too_many = grown(kept, counts) if checking else []
    return complain(console, missed, too_many)


def table(kept: Counts, counts: Counts) -> Table:
    shown = Table("instructions", "kept", "now", "now / kept")
    for name, count in counts.items():
        before = kept.get(name, count)
        shown.add_row(name, f"{before:,}", f"{count:,}", f"{count / before:.3f}")
    return shown


def complain(console: Console, missed: Sequence[str], too_many: Sequence[str]) -> int:
    for name in missed:
        console.print(f"[bold red]{name} misses its figure[/bold red]")
    for name in too_many:
        console.print(f"[bold red]{name} has grown by more than {TOLERANCE:.0%}[/bold red]; where "
                      "that is worth it, make bench-instructions renews the file")  # fmt: skip
    return 1 if missed or too_many else 0


if __name__ == "__main__":
    sys.exit(main())
