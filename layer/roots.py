"""The inputs unpacked, and the interpreter that the build itself runs on.

That interpreter is Debian's of the layer's own version, started through its own loader: code
objects of another version would be of no use, and the machine need not have one.
"""

import hashlib
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from layer.architecture import Architecture
from layer.contents import SDISTS, TOOLS
from layer.lock import Input
from layer.progress import run, say


class Roots:
    """Where everything lies. `host` is the architecture that builds."""

    def __init__(self, cache: Path, inputs: Sequence[Input], host: Architecture) -> None:
        self.cache = cache
        self._inputs = inputs
        self._host = host

    def prepare(self, targets: Iterable[Architecture]) -> None:
        """Unpack what is not unpacked yet."""
        for architecture in {self._host, *targets}:
            debs = [e for e in self._of("debian") if e.architecture == architecture.debian]
            self._unpack(self.debian(architecture), debs, self._unpack_deb)
        for target in targets:
            wheels = [
                e
                for e in self._of("pypi")
                if e.file.endswith(".whl")
                and not is_tool(e)
                and e.architecture in ("all", target.debian)
            ]
            self._unpack(self.wheels(target), wheels, self._unpack_wheel)
        tools = [e for e in self._of("pypi") if is_tool(e) and e.architecture in
                 ("all", self._host.debian)]  # fmt: skip
        self._unpack(self.tools, tools, self._unpack_wheel)
        for name in SDISTS:
            sdist = [e for e in self._of("pypi") if e.name == name]
            self._unpack(self.sdist(name), sdist, self._unpack_tar)
        self._unpack(self.python_source, self._of("debian-source"), self._unpack_source)

    def debian(self, architecture: Architecture) -> Path:
        return self.cache / "roots" / architecture.debian

    def libraries(self, architecture: Architecture) -> Path:
        return self.debian(architecture) / "usr/lib" / architecture.triplet

    def standard_library(self) -> Path:
        return self.debian(self._host) / "usr/lib/python3.13"

    def wheels(self, target: Architecture) -> Path:
        return self.cache / "roots" / f"wheels-{target.name}"

    def sdist(self, name: str) -> Path:
        return self.cache / "roots" / name

    def stamp(self, target: Architecture) -> str:
        """Changes with every input that a build for `target` takes."""
        architectures = ("all", self._host.debian, target.debian)
        digests = [e.sha256 for e in self._inputs if e.architecture in architectures]
        return hashlib.sha256("".join(digests).encode()).hexdigest()

    @property
    def tools(self) -> Path:
        return self.cache / "roots" / "tools"

    @property
    def python_source(self) -> Path:
        return self.cache / "roots" / "python3.13"

    @property
    def zig(self) -> Path:
        return self.tools / "ziglang" / "zig"

    def program(self, name: str) -> list[str | Path]:
        """The command line of a program of the unpacked Debian."""
        libraries = self.libraries(self._host)
        loader = libraries / self._host.loader
        path = self.debian(self._host) / "usr/bin" / name
        return [loader, "--library-path", libraries, path]

    def python(self) -> list[str | Path]:
        """The command line of the interpreter, isolated; PYTHONHASHSEED is for the caller."""
        return [*self.program("python3.13"), "-S", "-B", "-P", "-s"]

    def _of(self, origin: str) -> list[Input]:
        return [entry for entry in self._inputs if entry.origin == origin]

    def _unpack(
        self, folder: Path, inputs: Sequence[Input], unpack: Callable[[Path, Path], None]
    ) -> None:
        content = "".join(f"{entry.sha256} {entry.file}\n" for entry in inputs)
        stamp = folder / ".unpacked"
        if stamp.exists() and stamp.read_text() == content:
            return
        say(f"unpacking {folder.name}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for entry in inputs:
            unpack(self.cache / "inputs" / entry.file, folder)
        stamp.write_text(content)

    def _unpack_deb(self, path: Path, folder: Path) -> None:
        run(["dpkg-deb", "--extract", path, folder], what=f"unpacking {path.name}")

    def _unpack_wheel(self, path: Path, folder: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
            for entry in archive.infolist():
                if entry.external_attr >> 16 & 0o111:
                    (folder / entry.filename).chmod(0o755)

    def _unpack_tar(self, path: Path, folder: Path) -> None:
        """Unpack a tar file without its first level of folders."""
        with tarfile.open(path) as archive:
            # Without one by name, newer versions of Python warn; 3.11.0 to 3.11.3 have none.
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            for member in archive:
                member.name = member.name.partition("/")[2]
                if member.name:
                    archive.extract(member, folder)

    def _unpack_source(self, path: Path, folder: Path) -> None:
        """Unpack a part of a Debian source package, and apply its changes when it is complete."""
        if not path.name.endswith(".tar.xz"):
            return  # a description or a signature
        changes = path.name.endswith(".debian.tar.xz")
        self._unpack_tar(path, folder / "debian" if changes else folder)
        if (folder / "debian").exists() and (folder / "Modules").exists():
            self._patch(folder)

    def _patch(self, folder: Path) -> None:
        patches = folder / "debian" / "patches"
        for line in (patches / "series").read_text().splitlines():
            name = line.partition("#")[0].strip()
            if name:
                command = [*self.program("patch"), "--strip=1", "--force", "--silent"]
                run(
                    [*command, f"--input={patches / name}"],
                    what=f"patching with {name}",
                    cwd=folder,
                )


def is_tool(entry: Input) -> bool:
    return entry.name.lower() in {name.lower() for name in TOOLS}
