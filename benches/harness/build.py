"""What a run needs before it can begin: compiled anchors, an installed fastext, Debian packages.

Everything goes into `.cache/benches`, and is made again when what it is made of has changed.
"""

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benches import FOLDER, ROOT

CACHE = ROOT / ".cache" / "benches"

INSTALL_TIMEOUT_S = 600.0


class Missing(Exception):
    """Something that this machine lacks and that could not be installed; the text says what."""


@dataclass(frozen=True)
class Installed:
    """fastext as pip installs it: the command, and the boot file for a bare `interpreter`."""

    interpreter: Path
    boot: Path
    command: Path

    @property
    def bare(self) -> list[str]:
        """How a layer starts it: without site, its imports and the search for them."""
        return [str(self.interpreter), "-I", "-S", str(self.boot)]


def anchor(name: str) -> Path:
    """The program of `anchors/<name>.c`, compiled."""
    folder = FOLDER / "anchors"
    program = CACHE / name
    sources = [folder / f"{name}.c", *folder.glob("*.h")]
    if program.exists() and all(
        program.stat().st_mtime > source.stat().st_mtime for source in sources
    ):
        return program
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise Missing("no C compiler (apt-get install gcc)")
    CACHE.mkdir(parents=True, exist_ok=True)
    subprocess.run([compiler, "-O2", "-Wall", "-o", program, sources[0]], check=True)
    return program


def system_program(name: str, package: str) -> Path:
    """A program of a Debian package, which is installed where that is possible. Raises Missing."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    found = shutil.which(name, path=path)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", package]
        for command in (["apt-get", "update", "-qq"], install):
            subprocess.run(command, capture_output=True, timeout=INSTALL_TIMEOUT_S, check=False)
        found = shutil.which(name, path=path)
    if found is None:
        raise Missing(f"{name} is not installed (apt-get install {package})")
    return Path(found)


@functools.cache
def installed() -> Installed:
    """fastext installed from this checkout into an environment of its own, not editable."""
    folder = CACHE / "installed"
    stamp = folder / "made-of"
    key = _made_of()
    if not stamp.exists() or stamp.read_text() != key:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        with tempfile.TemporaryDirectory() as copy:
            # A build inside the checkout would leave its files there, and find those of others.
            _copy_sources(Path(copy))
            subprocess.run(
                [folder / "bin" / "python", "-m", "pip", "install", "-qq",
                 "--disable-pip-version-check", copy],
                check=True,
                timeout=INSTALL_TIMEOUT_S,
            )  # fmt: skip
        stamp.write_text(key)
    (boot,) = folder.glob("lib/python*/site-packages/fastext/boot.py")
    return Installed(Path(os.path.realpath(sys.executable)), boot, folder / "bin" / "fastext")


def _sources() -> list[Path]:
    package = [
        path
        for path in sorted((ROOT / "src" / "fastext").rglob("*"))
        if path.is_file() and path.suffix not in (".so", ".c", ".pyc")
    ]
    return [*package, ROOT / "pyproject.toml", ROOT / "README.md", ROOT / "LICENSE"]


def _made_of() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for path in _sources():
        if path.name != "README.md":
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _copy_sources(to: Path) -> None:
    for path in _sources():
        copy = to / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
