"""The parts of the layer's build, without building one; `make test-layer` does that."""

import ast
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import orjson
import pytest

from layer import apt, elf, fetch, lock, verify
from layer.architecture import ARCHITECTURES
from layer.errors import LayerError
from layer.freeze import IMPORT, absolute, postpone
from layer.lock import Input

ROOT = Path(__file__).parent.parent
SHARED_OBJECT = next(Path(orjson.__file__).parent.glob("*.so"))
X86_64, ARM64 = ARCHITECTURES["x86_64"], ARCHITECTURES["arm64"]


# -- inputs


def test_the_lock_pins_every_input_by_its_hash():
    for entry in lock.read():
        assert len(bytes.fromhex(entry.sha256)) == 32
        assert entry.version
        assert entry.file


def test_the_lock_has_what_either_machine_needs_for_either_target():
    inputs = lock.read()
    for host in (X86_64, ARM64):
        needed = fetch.needed(inputs, host, [X86_64, ARM64])
        tools = {entry.name for entry in needed if "ziglang" in entry.file}
        assert tools == {"ziglang"}
        for target in (X86_64, ARM64):
            names = {e.name for e in needed if e.architecture in (target.debian, "all")}
            assert {"libpython3.13-dev", "libssl-dev", "libc6", "orjson", "botocore"} <= names


def test_the_machines_own_mirrors_are_read_in_both_styles(tmp_path, monkeypatch):
    monkeypatch.setattr(apt, "SOURCES", tmp_path)
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text(
        "# deb http://no.example/debian trixie main\n"
        "deb [signed-by=/k.gpg] http://one.example/debian bookworm main\n"
    )
    (tmp_path / "sources.list.d" / "two.sources").write_text(
        "Types: deb\nURIs: http://two.example/debian-security http://three.example/debian\n"
    )
    assert list(apt.uris()) == [
        "http://one.example/debian",
        "http://two.example/debian-security",
        "http://three.example/debian",
    ]


@pytest.fixture
def archive(tmp_path):
    keyring = tmp_path / "keyring.gpg"
    keyring.touch()
    return apt.Archive(tmp_path / "apt", "http://mirror.example/debian", keyring)


def pinned(content, name="libc6", file="libc6_1_amd64.deb"):
    return Input("debian", name, "1", "amd64", file, hashlib.sha256(content).hexdigest())


def test_every_call_of_apt_get_has_a_configuration_of_its_own(tmp_path, archive, path_with):
    path_with("apt-get", f'echo "$@" >> {tmp_path}/calls; printf right > libc6_1_amd64.deb')
    fetch.fetch([pinned(b"right")], tmp_path / "inputs", archive)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call.split()[:2] for call in calls] == [["-c", f"{tmp_path}/apt/apt.conf"]] * 2
    assert calls[1].endswith("download libc6:amd64=1")
    sources = (tmp_path / "apt/sources.list").read_text()
    assert "http://mirror.example/debian trixie main" in sources
    assert "http://mirror.example/debian-security trixie-security main" in sources


def test_what_is_in_the_cache_is_not_fetched_again(tmp_path, archive, path_with):
    path_with("apt-get", "exit 1")
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs" / "libc6_1_amd64.deb").write_bytes(b"right")
    fetch.fetch([pinned(b"right")], tmp_path / "inputs", archive)


def test_what_is_not_pinned_is_refused(tmp_path, archive, path_with):
    path_with("apt-get", "printf wrong > libc6_1_amd64.deb")
    with pytest.raises(LayerError, match=r"libc6 1: .* is not what is pinned.*--update-lock"):
        fetch.fetch([pinned(b"right")], tmp_path / "inputs", archive)
    assert not (tmp_path / "inputs" / "libc6_1_amd64.deb").exists()


def test_a_version_that_is_gone_is_named_with_the_way_out(tmp_path, archive, path_with):
    gone = "E: Version '1' for 'libc6' was not found"
    path_with("apt-get", f'case "$*" in *update*) ;; *) echo "{gone}" >&2; exit 100;; esac')
    with pytest.raises(LayerError, match=f"(?s){gone}.*--update-lock"):
        fetch.fetch([pinned(b"")], tmp_path / "inputs", archive)


def test_a_missing_keyring_is_said(tmp_path):
    archive = apt.Archive(tmp_path, None, tmp_path / "none.gpg")
    with pytest.raises(LayerError, match="debian-archive-keyring, or give --keyring"):
        archive.update()


# -- freezing


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from . import _noop", (".", "_noop", "")),
        ("    import asyncio, socket", ("", "", "asyncio")),
        ("from cpython cimport object as o", ("cpython", "object as o", "")),
        ("cdef from_this = 1", None),
    ],
)
def test_imports_are_found_in_sources_of_cython(line, found):
    assert IMPORT.findall(line) == ([found] if found else [])


@pytest.mark.parametrize(
    ("name", "package", "result"),
    [
        ("asyncio", "uvloop", "asyncio"),
        (".", "uvloop", "uvloop"),
        (".errors", "httptools.parser", "httptools.parser.errors"),
        ("..x", "a.b.c", "a.b.x"),
    ],
)
def test_relative_names_are_resolved(name, package, result):
    assert absolute(name, package) == result


def test_an_import_can_wait_until_a_function_needs_it():
    source = "import os\nimport ast\ndef f():\n    return ast.parse('1')\ndef g():\n    return 1\n"
    tree = ast.parse(source)
    postpone(tree, {"ast"})
    assert ast.unparse(tree).splitlines() == [
        "import os", "", "def f():", "    import ast", "    return ast.parse('1')", "",
        "def g():", "    return 1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "source",
    [
        "import ast\nx = ast.parse",
        "import ast\ndef f(x=ast.parse): pass",
        "import ast\nclass C(ast.NodeVisitor): pass",
        "import ast as a\ndef f(): return a",
        "from ast import parse",
    ],
)
def test_an_import_that_is_needed_at_once_cannot_wait(source):
    with pytest.raises(ValueError, match="ast"):
        postpone(ast.parse(source), {"ast"})


# -- the archive


def test_the_same_files_make_the_same_archive(tmp_path):
    opt = tmp_path / "opt"
    for name, mode in (("extensions/fastext", 0o755), ("fastext/data.json", 0o644)):
        path = opt / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x" * 1000)
        path.chmod(mode)
    made = []
    for number in range(2):
        os.utime(opt / "fastext/data.json", (number * 1e9, number * 1e9))
        made.append(tmp_path / f"{number}.zip")
        subprocess.run([sys.executable, ROOT / "layer/archive.py", opt, made[-1]], check=True)
    assert made[0].read_bytes() == made[1].read_bytes()
    with zipfile.ZipFile(made[0]) as content:
        modes = {e.filename: oct(e.external_attr >> 16) for e in content.infolist()}
    assert modes == {"extensions/fastext": "0o100755", "fastext/data.json": "0o100644"}


def test_an_elf_file_is_read_as_the_linker_wrote_it():
    binary = elf.read(SHARED_OBJECT)
    assert binary.machine in (X86_64.machine, ARM64.machine)
    assert any(name.startswith("libc.so") for name in binary.needed)
    assert "PyInit_orjson" in binary.defined
    assert "PyLong_FromLongLong" in binary.undefined or "PyErr_SetString" in binary.undefined


def test_an_archive_that_is_not_as_it_must_be_is_refused_with_every_reason(tmp_path):
    path = tmp_path / "layer.zip"
    shared = SHARED_OBJECT.read_bytes()
    machine = elf.read(SHARED_OBJECT).machine
    with zipfile.ZipFile(path, "w") as content:
        for name, mode, data in (
            ("extensions/fastext", 0o100644, shared),
            ("extensions/helper", 0o100644, b"#!/bin/sh"),
            ("fastext/lib/other.so", 0o100755, shared),
        ):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            content.writestr(entry, data)
    other = next(a for a in ARCHITECTURES.values() if a.machine != machine)
    with pytest.raises(LayerError) as refused:
        verify.verify(path, other)
    text = str(refused.value)
    for fault in (
        "extensions/fastext: mode 100644, not 100755",
        "extensions/helper is not in files.txt",
        "extensions/helper: Lambda would launch it",
        "fastext/lib/libc.so.6 is missing",
        f"fastext/lib/other.so is for machine {machine}",
        "extensions/fastext needs libc.so.6",
        "extensions/fastext is loaded by ",
        "--version prints ''",
    ):
        assert fault in text


def test_an_archive_over_its_budget_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(verify, "MAX_ZIPPED_MB", 0.001)
    monkeypatch.setattr(verify, "MAX_UNPACKED_MB", 0.002)
    path = tmp_path / "a.zip"
    path.write_bytes(bytes(1001))
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt" / "file").write_bytes(bytes(2001))
    faults = verify.wrong_sizes(path, tmp_path / "opt")
    assert [fault.split()[0] for fault in faults] == ["zipped", "unpacked"]
