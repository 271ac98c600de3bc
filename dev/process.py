"""Starts and ends the programs that developers' commands need, so that none is left behind."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

Process = subprocess.Popen[bytes]

GRACE_S = 5.0  # for ending by itself after SIGTERM; fastext and ministack take under a second

# prctl(2): the signal that a process gets when its parent dies, however that happens.
_PR_SET_PDEATHSIG = 1
_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def start(
    command: Sequence[str | Path],
    environ: Mapping[str, str],
    cwd: Path | None = None,
    output: IO[bytes] | None = None,
) -> Process:
    """Start `command` in a process group of its own, with stdout and stderr to `output` or ours.

    Ctrl-C does not reach it; on Linux it gets SIGTERM when the calling thread has ended.
    """
    return subprocess.Popen(
        command,
        env=environ,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=_end_with_parent if _PRCTL else None,
    )


def end(process: Process) -> None:
    """End `process` and whatever it has started itself."""
    _signal_group(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _end_with_parent() -> None:
    assert _PRCTL is not None
    _PRCTL(_PR_SET_PDEATHSIG, signal.SIGTERM)
