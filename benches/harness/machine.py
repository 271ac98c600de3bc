"""The machine: which core does what, what a process has used, and what all this ran on."""

import os
import platform
import shlex
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from benches import ROOT

PACKAGES = (
    "botocore", "boto3", "httptools", "orjson", "uvloop", "Cython", "aiohttp", "granian",
    "msgspec", "uvicorn", "aws-lambda-powertools", "pyperf",
)  # fmt: skip

# What the machine's own environment must not bring into a measurement.
FOREIGN = ("AWS_", "SSL_CERT", "REQUESTS_CA", "CURL_CA", "POLL_", "PREFETCH", "HTTP_", "PYTHON",
           "FASTEXT_")  # fmt: skip

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def cores() -> tuple[int, int]:
    """The core that servers run on, and another for whatever must not disturb them.

    They are the same one where there is only one.
    """
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def plain_environ() -> dict[str, str]:
    """The environment without what would change how programs run."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN) and not name.lower().endswith("_proxy")
    }


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started inside inherits `core`; costs the child nothing."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").iterdir():
            found.extend(int(child) for child in (task / "children").read_text().split())
    return found


def cpu_ns(pid: int) -> int:
    """Nanoseconds that the living threads of a process and its descendants have run."""
    return sum(
        int(path.read_text().split()[0])
        for each in tree(pid)
        for path in Path(f"/proc/{each}/task").glob("*/schedstat")
    )


def rss_bytes(pid: int) -> int:
    """The resident set of one process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES


def environment() -> dict[str, Any]:
    """What a reader needs to judge the numbers of a run."""
    model = _first(Path("/proc/cpuinfo").read_text(), "model name")
    return {
        "cpu": model or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "python_compiler": platform.python_compiler(),
        "python_flags": python_flags(),
        "compiler": _output(["cc", "--version"]).partition("\n")[0],
        "compiler_flags": compiler_flags(),
        "libc": "-".join(platform.libc_ver()),
        "nginx": _output(["nginx", "-v"]).removeprefix("nginx version: ").strip(),
        "packages": {name: _version(name) for name in PACKAGES},
        "commit": _output(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]).strip(),
        "load": os.getloadavg()[0],
    }


def python_flags() -> str:
    """How Python was configured, but for where its files are on this machine."""
    flags = shlex.split(sysconfig.get_config_var("CONFIG_ARGS") or "")
    return " ".join(flag for flag in flags if "/" not in flag)


def compiler_flags() -> str:
    """The flags that the extension modules are compiled with."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    modules = project["tool"]["setuptools"]["ext-modules"]
    own = sorted({flag for module in modules for flag in module.get("extra-compile-args", ())})
    return " ".join([str(sysconfig.get_config_var("CFLAGS") or ""), *own])


def _first(text: str, field: str) -> str:
    lines = (line for line in text.splitlines() if line.startswith(field))
    return next(lines, "").partition(":")[2].strip()


def _output(command: list[str]) -> str:
    environ = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    except OSError:
        return ""
    return done.stdout or done.stderr


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
