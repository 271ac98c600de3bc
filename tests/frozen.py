"""A process that is frozen as Lambda freezes a sandbox: stopped, and the wall clock moved on."""

import os
import shutil
import signal
import subprocess
from functools import cache
from pathlib import Path

import pytest
from program import Program
from waiting import until

SHARED_MEMORY = Path("/dev/shm")  # where glibc keeps POSIX shared memory and semaphores


def remove_leftovers() -> None:
    """Remove what killed processes have left of libfaketime's shared objects.

    They are named by process ID, and a process that finds its own there already does not start.
    """
    for leftover in SHARED_MEMORY.glob("*faketime_s[eh]m_*"):
        if not Path("/proc", leftover.name.rpartition("_")[2]).exists():
            leftover.unlink(missing_ok=True)


@cache
def faketime_library() -> str:
    """The library by which a process's wall clock is moved; skips the test where it is missing."""
    program = shutil.which("faketime")
    if program is None:
        pytest.skip("SKIPPED: no faketime (apt-get install faketime); `make test` installs it")
    preload = subprocess.run(
        [program, "-f", "+0", "printenv", "LD_PRELOAD"], capture_output=True, text=True, check=True
    )
    return preload.stdout.strip()


class Sandbox:
    """Where a program is frozen, by signals; `seconds` is what its wall clock is ahead by."""

    def __init__(self, folder: Path) -> None:
        self._clock = folder / "clock"
        self.seconds = 0
        self._write()

    def variables(self) -> dict[str, str]:
        remove_leftovers()
        return {
            "LD_PRELOAD": faketime_library(),
            "FAKETIME_TIMESTAMP_FILE": str(self._clock),
            "NO_FAKE_STAT": "1",  # or Python takes all compiled modules for outdated
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # it stands still while a sandbox is frozen
            "FAKETIME_DONT_RESET": "1",
        }

    def stop(self, program: Program) -> None:
        program.process.send_signal(signal.SIGSTOP)
        stat = Path(f"/proc/{program.process.pid}/stat")
        until(lambda: stat.read_text().rpartition(") ")[2].startswith("T"))

    def thaw(self, program: Program, seconds: int) -> None:
        """Go on, with the wall clock `seconds` further."""
        self.set_clock(seconds)
        program.process.send_signal(signal.SIGCONT)

    def set_clock(self, seconds: int) -> None:
        self.seconds += seconds
        self._write()

    def _write(self) -> None:
        # Whole, because the program may be reading it.
        beside = self._clock.with_suffix(".new")
        beside.write_text(f"{self.seconds:+d}\n")
        os.replace(beside, self._clock)
