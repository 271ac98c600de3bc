"""Fuzzes every target, or those that are named, each in a process of its own.

    python -m fuzz --seconds 60 rules contexts     guided by atheris, a minute each
    python -m fuzz --inputs 1000                   plain mutations, so many each
    python -m fuzz --replay FILE rules             one input again

An input that fails is kept under fuzz/findings; once understood it goes, under a name that tells
what it is about, to fuzz/regressions, which every run of the tests replays.
"""

import argparse
import importlib.util
import math
import subprocess
import sys
import time
from pathlib import Path

from fuzz import FOLDER, TARGETS
from fuzz.engine import guided, plain, target


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--inputs", type=int, default=-1, help="so many, by plain mutations")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--replay", type=Path, help="check this file alone")
    parser.add_argument("--plain", action="store_true", help="without atheris")
    options = parser.parse_args()
    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    names = options.targets or TARGETS
    if options.replay:
        for name in names:
            target(name).check(options.replay.read_bytes())
        return 0
    without = options.plain or options.inputs >= 0
    if not without and importlib.util.find_spec("atheris") is None:
        print("!!! atheris IS NOT INSTALLED: plain mutations, NOT guided by coverage", flush=True)
        without = True
    if len(names) == 1:
        return run(names[0], options, without)
    failed = [name for name in names if started(name, options, without) != 0]
    print(f"FAILED: {', '.join(failed)}" if failed else "every invariant held", flush=True)
    return 1 if failed else 0


def started(name: str, options: argparse.Namespace, without: bool) -> int:
    command = [sys.executable, "-m", "fuzz", name, f"--seconds={options.seconds}",
               f"--inputs={options.inputs}", f"--seed={options.seed}"]  # fmt: skip
    command += ["--plain"] if without else []
    return subprocess.run(command, cwd=FOLDER.parent, check=False).returncode


def run(name: str, options: argparse.Namespace, without: bool) -> int:
    print(f"--- {name}: seed {options.seed}", flush=True)
    if not without:
        guided(name, options.seconds, options.seed)
    begin = time.monotonic()
    until = math.inf if options.inputs >= 0 else begin + options.seconds
    count, good = plain(name, options.seed, options.inputs, until)
    took = time.monotonic() - begin
    print(f"{name}: {count} inputs, {good} of them good, in {took:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
