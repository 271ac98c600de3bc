"""An archive against what it must be: unpacked and looked at, as Lambda would."""

import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from layer import elf
from layer.architecture import Architecture
from layer.contents import MAX_UNPACKED_MB, MAX_ZIPPED_MB
from layer.errors import LayerError
from layer.progress import say
from layer.sbom import own_version
from layer.tree import dotted, sources

FILES = Path(__file__).with_name("files.txt")
LIBRARIES = "/opt/fastext/lib"
MEGABYTE = 1_000_000


def verify(archive: Path, target: Architecture) -> None:
    """Raises LayerError with everything that is wrong with `archive`."""
    with tempfile.TemporaryDirectory() as name:
        opt = Path(name)
        faults = [*unpack(archive, opt)]
        faults += wrong_files(opt, target)
        faults += wrong_sizes(archive, opt)
        faults += wrong_binaries(opt, target)
        faults += wrong_version(opt, target)
    if faults:
        raise LayerError("\n  ".join([f"{archive.name} is not as it must be:", *faults]))
    say(f"{target.name}: {archive.name} is as it must be")


def unpack(archive: Path, opt: Path) -> list[str]:
    """Unpack as `unzip` does, modes included."""
    faults = []
    with zipfile.ZipFile(archive) as content:
        for entry in content.infolist():
            path = Path(content.extract(entry, opt))
            mode = entry.external_attr >> 16
            path.chmod(mode & 0o777)
            expected = 0o100755 if elf.is_elf(path) else 0o100644
            if mode != expected:
                faults.append(f"{entry.filename}: mode {mode:o}, not {expected:o}")
    return faults


def expected_files(target: Architecture) -> set[str]:
    """The checked-in list, with the names of `target` in it."""
    return set(FILES.read_text().format(**target._asdict()).split())


def wrong_files(opt: Path, target: Architecture) -> list[str]:
    found = {path.relative_to(opt).as_posix() for path in opt.rglob("*") if path.is_file()}
    expected = expected_files(target)
    launched = {name for name in found if name.startswith("extensions/")}
    return [
        *(f"{name} is not in {FILES.name}" for name in sorted(found - expected)),
        *(f"{name} is missing" for name in sorted(expected - found)),
        *(f"{name}: Lambda would launch it" for name in launched - {"extensions/fastext"}),
    ]


def wrong_sizes(archive: Path, opt: Path) -> list[str]:
    zipped = archive.stat().st_size / MEGABYTE
    unpacked = sum(path.stat().st_size for path in opt.rglob("*") if path.is_file()) / MEGABYTE
    faults = []
    if zipped > MAX_ZIPPED_MB:
        faults.append(f"zipped {zipped:.1f} MB, more than {MAX_ZIPPED_MB}")
    if unpacked > MAX_UNPACKED_MB:
        faults.append(f"unpacked {unpacked:.1f} MB, more than {MAX_UNPACKED_MB}")
    return faults


def wrong_binaries(opt: Path, target: Architecture) -> list[str]:
    """Every ELF file is for `target`, and needs nothing that is not in the layer."""
    faults = []
    own = {path.name for path in (opt / "fastext/lib").iterdir()}
    for path in sorted(path for path in opt.rglob("*") if path.is_file() and elf.is_elf(path)):
        name = path.relative_to(opt).as_posix()
        binary = elf.read(path)
        if binary.machine != target.machine:
            faults.append(f"{name} is for machine {binary.machine}, not {target.machine}")
        faults += [f"{name} needs {other}" for other in binary.needed if other not in own]
        if name == "extensions/fastext":
            if binary.interpreter != f"{LIBRARIES}/{target.loader}":
                faults.append(f"{name} is loaded by {binary.interpreter}")
            if (binary.rpath, binary.runpath) != (LIBRARIES, ""):
                faults.append(f"{name} looks for libraries in {binary.rpath} {binary.runpath}")
        elif binary.rpath or binary.runpath:
            faults.append(f"{name} looks for libraries in {binary.rpath} {binary.runpath}")
    return faults


def wrong_version(opt: Path, target: Architecture) -> list[str]:
    """Start it by its own loader, where this machine or qemu-user can run it."""
    loader = opt / "fastext/lib" / target.loader
    command: list[str | Path] = [
        loader,
        "--library-path",
        loader.parent,
        opt / "extensions/fastext",
    ]
    runner = runner_for(target)
    if runner is None:
        say(f"SKIPPED: {target.name} cannot be run here (apt-get install qemu-user-static)")
        return []
    modules = sorted({dotted(path) for path in sources()})
    canary = CANARY.format(python=str(opt / "fastext/python"), modules=modules)
    faults = []
    for code, expected in (
        (["--version"], f"fastext {own_version()}"),
        (["--interpreter", canary], "all loaded"),
    ):
        answer = subprocess.run(
            [*runner, *command, *code], capture_output=True, text=True, check=False, env={}
        )
        if answer.stdout.strip() != expected:
            faults.append(f"{code[0]} prints {answer.stdout!r}: {answer.stderr.strip()[-2000:]}")
    return faults


# Everything that may be loaded late, loaded at once.
CANARY = """
import importlib, sys
sys._stdlib_dir = {python!r}
sys.path[:] = [{python!r}]
import encodings.idna, httptools, orjson, uvloop
import fastext.stand_ins
with fastext.stand_ins.stand_ins():
    for name in {modules!r}:
        importlib.import_module(name)
session = fastext.client.new_session("eu-west-1")
for service in "appconfigdata", "sts":
    session.create_client(service, "eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
import re2, fastext.variants
assert re2.search("a+", "baa")
assert orjson.loads(orjson.dumps(dict(a=[1]))) == dict(a=[1])
print("all loaded")
"""


def runner_for(target: Architecture) -> list[str] | None:
    """What runs binaries of `target` here, or None."""
    from layer.architecture import of_this_machine

    if target == of_this_machine():
        return []
    qemu = shutil.which(f"qemu-{target.wheels}-static") or shutil.which(f"qemu-{target.wheels}")
    # qemu's default model emulates pointer authentication, which takes six times as long.
    return [qemu, "-cpu", "neoverse-n1"] if qemu else None
