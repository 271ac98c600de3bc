"""Brings the pinned inputs into the cache, and renews what is pinned."""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from layer import lock
from layer.apt import ARCHITECTURES as DEBIAN_ARCHITECTURES
from layer.apt import Archive
from layer.architecture import ARCHITECTURES, Architecture
from layer.contents import PACKAGES, SDISTS, SOURCE_PACKAGE, TOOL_PACKAGES, TOOLS, WHEELS
from layer.errors import LayerError
from layer.lock import Input
from layer.progress import run, say

# pip's names of the platforms whose wheels run on the layer's C library, newest first.
PLATFORMS = ("manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux2010", "manylinux_2_12")


def fetch(inputs: Sequence[Input], folder: Path, archive: Archive) -> None:
    """Have every input in `folder`, with the pinned content. Raises LayerError."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in inputs:
        path = folder / entry.file
        if path.exists() and lock.sha256(path) != entry.sha256:
            path.unlink()
    missing = [entry for entry in inputs if not (folder / entry.file).exists()]
    if not missing:
        say(f"{len(inputs)} pinned inputs are in the cache")
        return
    say(f"fetching {len(missing)} of {len(inputs)} pinned inputs")
    with tempfile.TemporaryDirectory(dir=folder) as name:
        arrival = Path(name)
        try:
            _fetch_debian(missing, arrival, archive)
            _fetch_pypi([entry for entry in missing if entry.origin == "pypi"], arrival)
        except LayerError as fault:
            raise LayerError(
                f"{fault}\nA pinned version that is gone has a successor: renew the lock with "
                "./build_layer.sh --update-lock"
            ) from None
        for entry in missing:
            path = arrival / entry.file
            if not path.exists() or lock.sha256(path) != entry.sha256:
                raise LayerError(
                    f"{entry.name} {entry.version}: {entry.file} is not what is pinned; if it was "
                    "replaced where it comes from, renew the lock: ./build_layer.sh --update-lock"
                )
            path.rename(folder / entry.file)


def _fetch_debian(missing: Sequence[Input], arrival: Path, archive: Archive) -> None:
    for architecture in DEBIAN_ARCHITECTURES:
        wanted = [
            f"{entry.name}:{architecture}={entry.version}"
            for entry in missing
            if entry.origin == "debian" and entry.architecture == architecture
        ]
        if wanted:
            archive.download(wanted, arrival)
    sources = {e.name: e.version for e in missing if e.origin == "debian-source"}
    for source, version in sources.items():
        archive.download_source(f"{source}={version}", arrival)


def _fetch_pypi(missing: Sequence[Input], arrival: Path) -> None:
    for entry in missing:
        options = [] if entry.file.endswith(".tar.gz") else _platform(entry.architecture)
        requirement = arrival / "requirement.txt"
        requirement.write_text(f"{entry.name}=={entry.version} --hash=sha256:{entry.sha256}\n")
        _pip(["--no-deps", "--require-hashes", *options, "-r", str(requirement)], arrival,
             f"fetching {entry.name} {entry.version}")  # fmt: skip


def renew(folder: Path, archive: Archive) -> None:
    """Pin the newest of everything, and leave it in the cache. Raises LayerError."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        arrival = Path(name)
        inputs = [*_newest_debian(arrival, archive), *_newest_pypi(arrival)]
        for entry in inputs:
            for path in arrival.rglob(entry.file):
                shutil.move(path, folder / entry.file)
    lock.write(inputs)
    say(f"{lock.LOCK.name}: {len(set(inputs))} inputs are pinned")


def _newest_debian(arrival: Path, archive: Archive) -> Iterator[Input]:
    for architecture in DEBIAN_ARCHITECTURES:
        say(f"downloading Debian's packages for {architecture}")
        folder = arrival / architecture
        folder.mkdir()
        names = (*PACKAGES, *TOOL_PACKAGES)
        archive.download([f"{name}:{architecture}" for name in names], folder)
        for path in folder.glob("*.deb"):
            name, version = run(
                ["dpkg-deb", "--showformat", "${Package} ${Version}", "--show", path],
                what=f"reading {path.name}",
            ).split()
            yield Input("debian", name, version, architecture, path.name, lock.sha256(path))
    say(f"downloading the source of {SOURCE_PACKAGE}")
    folder = arrival / "source"
    folder.mkdir()
    archive.download_source(SOURCE_PACKAGE, folder)
    (description,) = folder.glob("*.dsc")
    found = re.search(r"^Version: (\S+)", description.read_text(), re.M)
    assert found is not None
    for path in folder.iterdir():
        yield Input("debian-source", SOURCE_PACKAGE, found[1], "all", path.name, lock.sha256(path))


def _newest_pypi(arrival: Path) -> Iterator[Input]:
    for target in ARCHITECTURES.values():
        say(f"downloading wheels for {target.name}")
        folder = arrival / f"wheels-{target.name}"
        folder.mkdir()
        _pip([*_platform(target.debian), *WHEELS, *TOOLS], folder)
        for path in folder.iterdir():
            name, version, *_, platform = path.stem.split("-")
            architecture = "all" if platform == "any" else target.debian
            yield Input("pypi", name, version, architecture, path.name, lock.sha256(path))
    folder = arrival / "sdists"
    folder.mkdir()
    for name in SDISTS:
        say(f"downloading the source of {name}")
        _pip(["--no-deps", "--no-binary", name, name], folder)
    for path in folder.iterdir():
        name, _, version = path.name.removesuffix(".tar.gz").rpartition("-")
        yield Input("pypi", name, version, "all", path.name, lock.sha256(path))


def _platform(debian: str) -> list[str]:
    """pip's options for wheels of the layer's Python on an architecture; `all` has them too."""
    names = [a.wheels for a in ARCHITECTURES.values() if debian in (a.debian, "all")]
    options = ["--only-binary", ":all:", "--python-version", "3.13", "--implementation", "cp"]
    for platform in PLATFORMS:
        options += ["--platform", f"{platform}_{names[0]}"]
    return [*options, "--abi", "cp313", "--abi", "abi3", "--abi", "none"]


def _pip(arguments: Iterable[str], folder: Path, what: str = "pip download") -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    run([*command, "--dest", folder, *arguments], what=what)


def needed(
    inputs: Iterable[Input], host: Architecture, targets: Sequence[Architecture]
) -> list[Input]:
    """The inputs that a build on `host` for `targets` takes."""
    tools = {name.lower() for name in TOOLS}

    def wanted(entry: Input) -> bool:
        if entry.architecture == "all":
            return True
        if entry.origin == "pypi" and entry.name.lower() in tools:
            return entry.architecture == host.debian
        if entry.architecture == host.debian:
            # Its interpreter runs the build, whatever the target.
            return host in targets or entry.origin == "debian"
        return entry.name not in TOOL_PACKAGES and any(
            entry.architecture == target.debian for target in targets
        )

    return [entry for entry in inputs if wanted(entry)]
