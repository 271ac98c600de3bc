"""What the build says while it works, and how it runs other programs."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from layer.errors import LayerError

_BEGIN = time.monotonic()


def say(line: str) -> None:
    """One line of progress, with the seconds since the start."""
    print(f"[{time.monotonic() - _BEGIN:4.0f} s] {line}", file=sys.stderr, flush=True)


def run(
    command: Sequence[str | Path],
    *,
    what: str,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
    stdin: str | None = None,
) -> str:
    """Run `command` and give what it prints. Raises LayerError with its errors' last lines."""
    try:
        answer = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env=environ,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as fault:
        raise LayerError(f"{what}: cannot run {command[0]}: {fault.strerror}") from fault
    if answer.returncode:
        lines = (answer.stderr.strip() or answer.stdout.strip()).splitlines()
        raise LayerError("\n  ".join([f"{what} failed ({answer.returncode}):", *lines[-25:]]))
    return answer.stdout
