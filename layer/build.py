"""One architecture from pinned inputs to the archive, its checksum and its bill of materials."""

import ast
import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from layer import lock, sbom, tree
from layer.architecture import Architecture
from layer.contents import (
    IMPORTED_BY_NAME,
    IMPORTED_LATE,
    LEFT_OUT,
    SDISTS,
    STDLIB_EXTENSIONS,
    WHEELS,
)
from layer.lock import Input
from layer.native import Native
from layer.progress import run, say
from layer.roots import Roots
from layer.tree import SOURCE, dotted, sources

COMPILED = {
    "httptools.parser.parser": "httptools",
    "httptools.parser.url_parser": "httptools",
    "uvloop.loop": "uvloop",
}


class Module(NamedTuple):
    """A frozen module; `origin` is the package that it comes from, `bytes` its size."""

    name: str
    origin: str
    bytes: int


class Built(NamedTuple):
    """What a build has made."""

    archive: Path
    opt: Path
    modules: list[Module]


def build(
    target: Architecture, roots: Roots, inputs: list[Input], folder: Path, output: Path
) -> Built:
    """Build the layer of `target` in `folder`, and put it into `output`. Raises LayerError."""
    folder.mkdir(parents=True, exist_ok=True)
    output.mkdir(parents=True, exist_ok=True)
    say(f"{target.name}: freezing pure Python")
    modules = freeze(target, roots, folder)
    executable = Native(roots, target, SOURCE, folder).build(roots.wheels(target))
    packages = sorted({module.origin for module in modules} - {"CPython", "fastext"})
    opt = folder / "opt"
    tree.assemble(opt, executable, roots, target, packages)
    archive = output / f"fastext-{target.name}.zip"
    say(f"{target.name}: writing {archive}")
    partial = folder / archive.name
    command = [*roots.python(), Path(__file__).with_name("archive.py"), opt, partial]
    run(command, what="writing the archive", environ={"PYTHONHASHSEED": "0"})
    shutil.move(partial, archive)
    checksum = f"{lock.sha256(archive)}  {archive.name}\n"
    archive.with_suffix(".zip.sha256").write_text(checksum)
    bill = sbom.bill(target, roots, inputs, opt, packages, lock.sha256(archive))
    archive.with_suffix(".cdx.json").write_text(json.dumps(bill, indent=1) + "\n")
    return Built(archive, opt, modules)


def freeze(target: Architecture, roots: Roots, folder: Path) -> list[Module]:
    """Freeze what the extension imports, and what may be imported by name."""
    wheels = roots.wheels(target)
    path = {SOURCE: "fastext", **{roots.sdist(name): name for name in SDISTS},
            wheels: "", roots.standard_library(): "CPython"}  # fmt: skip
    compiled = {name: compiled_sources(roots.sdist(of)) for name, of in COMPILED.items()}
    compiled |= {name: [] for name in STDLIB_EXTENSIONS}
    ours = [file for file in sources() if file.suffix == ".py"]
    compiled |= {dotted(file): [str(file)] for file in sources() if file.suffix == ".pyx"}
    given = {
        "path": [str(folder) for folder in path],
        "left_out": [*LEFT_OUT, *stood_in_for()],
        "compiled": compiled,
        "late": IMPORTED_LATE,
        "roots": [*IMPORTED_BY_NAME, "fastext.boot", *map(dotted, ours), *WHEELS],
        "prefix": "/opt/fastext/python",
        "output": str(folder),
    }
    command = [*roots.python(), "-X", "no_debug_ranges", Path(__file__).with_name("freeze.py")]
    environ = {"PYTHONHASHSEED": "0"}
    answer = run(command, what="freezing", environ=environ, stdin=json.dumps(given))
    report: dict[str, Any] = json.loads(answer)
    origins = origins_of(wheels)

    def origin(file: Path) -> str:
        source = next(folder for folder in path if file.is_relative_to(folder))
        return path[source] or origins[file.relative_to(source).parts[0].removesuffix(".py")]

    return [Module(m["name"], origin(Path(m["file"])), m["bytes"]) for m in report["modules"]]


def compiled_sources(folder: Path) -> list[str]:
    """Cython sources, which say what a compiled module imports."""
    return [
        str(path) for kind in ("pyx", "pxi", "pxd") for path in sorted(folder.rglob(f"*.{kind}"))
    ]


def stood_in_for() -> tuple[str, ...]:
    """The modules in whose place fastext.stand_ins puts empty ones."""
    code = ast.parse((SOURCE / "fastext/stand_ins.py").read_text())
    return next(
        ast.literal_eval(node.value)
        for node in code.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "UNUSED"
    )


def origins_of(wheels: Path) -> dict[str, str]:
    """The package of each name that can be imported from wheels."""
    origins = {}
    for record in sorted(wheels.glob("*.dist-info/RECORD")):
        package = record.parent.name.partition("-")[0].replace("_", "-")
        for line in record.read_text().splitlines():
            origins[line.partition(",")[0].partition("/")[0].removesuffix(".py")] = package
    return origins
