"""What the layer's start is compared with: the same program in a plain bundle.

Debian's python3.13 with its own libraries and .pyc files, wheels of PyPI as they are, fastext
compiled for it, started by the boot file of the package without site.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benches import ROOT
from benches.harness.build import CACHE, INSTALL_TIMEOUT_S, Missing
from layer.architecture import of_this_machine
from layer.roots import Roots

WHEELS = ("botocore", "httptools", "orjson", "uvloop")


class PlainBundle:
    """The bundle in `.cache/benches/bundle`; `command` starts the extension."""

    def __init__(self, roots: Roots) -> None:
        self._roots = roots
        self._host = of_this_machine()
        self.folder = CACHE / "bundle"
        self._site = self.folder / "site"
        libraries = self.folder / "usr/lib" / self._host.triplet
        self._python = [
            str(libraries / self._host.loader), "--library-path", str(libraries),
            str(self.folder / "usr/bin/python3.13"), "-I", "-S",
        ]  # fmt: skip

    @property
    def command(self) -> list[str]:
        return [*self._python, str(self._site / "fastext/boot.py")]

    def make(self) -> None:
        """Make it, unless it is there. Raises Missing."""
        stamp = self.folder / "made-of"
        digest = hashlib.sha256(self._roots.stamp(self._host).encode())
        sources = sorted((ROOT / "src/fastext").glob("*.p[yx]*"))
        for source in sources:
            digest.update(source.read_bytes())
        if stamp.exists() and stamp.read_text() == digest.hexdigest():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self._copy_interpreter()
        platform = f"manylinux_2_28_{self._host.wheels}"
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check",
             "--target", self._site, "--only-binary", ":all:", "--python-version", "3.13",
             "--implementation", "cp", "--platform", platform,
             "--platform", platform.replace("2_28", "2_17"), *WHEELS],
            check=True,
            timeout=INSTALL_TIMEOUT_S,
        )  # fmt: skip
        shutil.copytree(
            ROOT / "src/fastext",
            self._site / "fastext",
            ignore=shutil.ignore_patterns("*.so", "*.c", "__pycache__"),
        )
        for source in (self._site / "fastext").glob("*.pyx"):
            self._compile(source)
        subprocess.run(
            [*self._python, "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash",
             self._site, self.folder / "usr/lib/python3.13"],
            check=False,  # the standard library holds files that are no Python on purpose
        )  # fmt: skip
        stamp.write_text(digest.hexdigest())

    def _copy_interpreter(self) -> None:
        root = self._roots.debian(self._host)
        for name in ("usr/bin/python3.13", "usr/lib/python3.13"):
            source, target = root / name, self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, symlinks=True)
            else:
                shutil.copy2(source, target)
        libraries = self.folder / "usr/lib" / self._host.triplet
        libraries.mkdir(parents=True)
        for path in self._roots.libraries(self._host).glob("*.so*"):
            if path.is_file():
                shutil.copy2(path, libraries / path.name)

    def _compile(self, source: Path) -> None:
        compiler = shutil.which(os.environ.get("CC", "cc"))
        if compiler is None:
            raise Missing("no C compiler (apt-get install gcc)")
        environ = {**os.environ, "PYTHONPATH": str(self._roots.tools)}
        cython = [*map(str, self._roots.python()), "-m", "cython", source.name]
        subprocess.run(cython, cwd=source.parent, env=environ, check=True)
        include = self._roots.debian(self._host) / "usr/include"
        output = source.with_name(f"{source.stem}.cpython-313-{self._host.triplet}.so")
        subprocess.run(
            [compiler, "-O2", "-w", "-shared", "-fPIC", "-I", include / "python3.13",
             "-isystem", include / self._host.triplet, "-isystem", include,
             source.with_suffix(".c"), "-o", output],
            check=True,
        )  # fmt: skip

    def files(self) -> list[Path]:
        """Every file of it, for eviction from the page cache."""
        return [path for path in self.folder.rglob("*") if path.is_file()]
