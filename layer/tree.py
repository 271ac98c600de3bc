"""The folder that becomes /opt: the executable, its libraries, data and licences."""

import gzip
import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from layer.architecture import Architecture
from layer.contents import (
    DEBIAN_COMPONENTS,
    MODELS,
    SDISTS,
    SERVICES,
    SHARED_DATA,
    SHARED_LIBRARIES,
    VENDORED,
)
from layer.roots import Roots

PROJECT = Path(__file__).resolve().parent.parent
SOURCE = PROJECT / "src"

# Folders of ours that are not for an extension.
FOR_PEOPLE = {"commands", "console"}


def assemble(
    opt: Path, executable: Path, roots: Roots, target: Architecture, packages: Iterable[str]
) -> None:
    """Lay everything out under `opt`; `packages` are the names of those that are frozen."""
    shutil.rmtree(opt, ignore_errors=True)
    place(executable, opt / "extensions" / "fastext", 0o755)
    libraries = roots.libraries(target)
    for name in (target.loader, *SHARED_LIBRARIES):
        place(libraries / name, opt / "fastext/lib" / name, 0o755)
    python = opt / "fastext/python"
    wheels = roots.wheels(target)
    for path in sorted(wheels.rglob("*.so")):
        place(path, python / path.relative_to(wheels), 0o755)
    for path in sorted(SOURCE.glob("fastext/**/*.pem")):
        place(path, python / path.relative_to(SOURCE), 0o644)
    place(wheels / "botocore/cacert.pem", python / "botocore/cacert.pem", 0o644)
    models(wheels / "botocore/data", python / "botocore/data")
    licences(opt / "fastext/licenses", roots, target, packages)


def place(source: Path, path: Path, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, path)
    path.chmod(mode)


def models(source: Path, data: Path) -> None:
    """botocore's data, cut to the services that are called and without documentation."""

    def write(name: str, content: object) -> None:
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, separators=(",", ":")))
        path.chmod(0o644)

    for name in SHARED_DATA:
        write(f"{name}.json", undocumented(json.loads((source / f"{name}.json").read_text())))
    endpoints = json.loads((source / "endpoints.json").read_text())
    for partition in endpoints["partitions"]:
        services = partition["services"].items()
        partition["services"] = {name: of for name, of in services if name in SERVICES}
    write("endpoints.json", endpoints)
    for service in SERVICES:
        for folder in (source / service).iterdir():
            for model in MODELS:
                content = gzip.decompress((folder / f"{model}.json.gz").read_bytes())
                write(f"{service}/{folder.name}/{model}.json", undocumented(json.loads(content)))


def undocumented(value: Any) -> Any:
    """`value` without what only says to people what it means."""
    if isinstance(value, dict):
        return {
            name: undocumented(of)
            for name, of in value.items()
            if not (name == "documentation" and isinstance(of, str))
        }
    return [undocumented(of) for of in value] if isinstance(value, list) else value


def licences(folder: Path, roots: Roots, target: Architecture, packages: Iterable[str]) -> None:
    """The licence of everything that is in the layer, a folder for each."""
    place(PROJECT / "LICENSE", folder / "fastext/LICENSE", 0o644)
    root = roots.debian(target)
    common: set[str] = set()
    for component in DEBIAN_COMPONENTS:
        path = root / "usr/share/doc" / component.package / "copyright"
        place(path, folder / component.package / "copyright", 0o644)
        common.update(re.findall(r"/usr/share/common-licenses/([\w.-]*\w)", path.read_text()))
    for name in sorted(common):
        place(root / "usr/share/common-licenses" / name, folder / "common-licenses" / name, 0o644)
    for name in packages:
        for path in licence_files(roots, target, name):
            place(path, folder / name / path.name, 0o644)
    for part in VENDORED:
        for path in files_of_licence(roots.sdist(part.sdist) / part.folder):
            place(path, folder / part.name / path.name, 0o644)


def licence_files(roots: Roots, target: Architecture, package: str) -> list[Path]:
    """The licence files of a package of Python's."""
    if package in SDISTS:
        return files_of_licence(roots.sdist(package))
    (information,) = roots.wheels(target).glob(f"{package.replace('-', '_')}-*.dist-info")
    return [*files_of_licence(information), *files_of_licence(information / "licenses")]


def files_of_licence(folder: Path) -> list[Path]:
    """Files of `folder` whose names say that they are licences."""
    pattern = re.compile(r"(licen[cs]e|notice|copying)", re.I)
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in paths if path.is_file() and pattern.match(path.name)]


def sources() -> list[Path]:
    """Our modules that an extension can need, all but those for people."""
    return sorted(
        path
        for path in SOURCE.rglob("*.py*")
        if path.suffix in (".py", ".pyx")
        and path.stem != "__main__"
        and not FOR_PEOPLE & {*path.relative_to(SOURCE).parts}
    )


def dotted(file: Path) -> str:
    """The name of the module in `file`."""
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
