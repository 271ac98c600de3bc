"""Runs the clients in C, each on the core that a measurement wants it on."""

import array
import os
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benches.harness import build, machine

TIMEOUT_S = 120.0


class Requests:
    """Requests in a file that a client sends in turn; a context that removes it."""

    def __init__(self, requests: Sequence[bytes]) -> None:
        self._file = tempfile.NamedTemporaryFile(prefix="fastext-requests-")  # noqa: SIM115
        self._file.write(b"".join(requests))
        self._file.flush()
        self.path = Path(self._file.name)

    def __enter__(self) -> "Requests":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@dataclass(frozen=True)
class Load:
    """What the load generator has seen: replies per second, and round trips in nanoseconds."""

    per_second: float
    median_ns: float
    p99_ns: float


def round_trips(
    port: int, mode: str, count: int, requests: Requests, core: int, interval_ns: int = 0
) -> list[int]:
    """Nanoseconds of `count` requests one after another; `mode` is "keep" or "close"."""
    command: list[str | Path] = [build.anchor("client"), str(port), mode, str(count), requests.path]
    if interval_ns:
        command.append(str(interval_ns))
    samples = array.array("q", _run(command, core, first=bool(interval_ns)))
    return samples.tolist()


def load(
    port: int, mode: str, connections: int, milliseconds: int, requests: Requests, core: int
) -> Load:
    """Keep `connections` busy for so long; `mode` is "keep", or "close" for one per request."""
    command: list[str | Path] = [
        build.anchor("load"),
        str(port),
        mode,
        str(connections),
        str(milliseconds),
        requests.path,
    ]
    replies, took_ns, median_ns, p99_ns = map(int, _run(command, core).split())
    return Load(replies / took_ns * 1e9, median_ns, p99_ns)


def _run(command: Sequence[str | Path], core: int, *, first: bool = False) -> bytes:
    """What a client writes. With `first` it runs before all ordinary processes of its core."""
    with machine.on_core(core):
        client = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if first:
        with suppress(PermissionError):
            os.sched_setscheduler(client.pid, os.SCHED_FIFO, os.sched_param(10))
    try:
        output, errors = client.communicate(timeout=TIMEOUT_S)
    finally:
        client.kill()
    if client.returncode:
        raise RuntimeError(f"{Path(command[0]).name}: {errors.decode(errors='replace')}")
    return output
