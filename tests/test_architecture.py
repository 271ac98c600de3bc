"""Who may import whom, read off the code itself."""

import ast
import re
from pathlib import Path

import pytest

import fastext

SOURCE = Path(fastext.__file__).parent
TESTS = Path(__file__).parent

# A module imports only from the levels above it in this list, and from its own line where a
# second set names it.
LEVELS = [
    {"__init__"},
    {"errors", "settings", "places", "ion_values", "clock", "digest", "files", "access",
     "hosts", "_memory", "lifecycle_errors", "late_modules", "late_patterns"},
    {"decoding"},
    {"_lane", "_parse", "extensions_api", "logs", "last_resort", "usage", "deadline", "context",
     "signature", "endpoints", "stand_ins", "freshness", "patience", "ion_scanner", "ion_binary"},
    {"startup", "workers", "tls", "ion_text"},
    {"ion"},
    {"rules"},
    {"variants"},
    {"document"},
    {"cache", "response", "session", "request", "transport", "exchange", "manifest",
      "backup"},
    {"answers", "credentials"},
    {"handler", "client", "schedule", "charges"},
    {"poller"},
    {"direct", "late_client", "local", "status"},
    {"protocol", "head_start", "agent"},
    {"listener"},
    {"extension"},
    {"boot"},
    {"__main__"},
]  # fmt: skip
SIDEWAYS = {("last_resort", "extensions_api"), ("errors", "lifecycle_errors")}
LATE = {  # inside functions only
    ("startup", "extension"),
    ("startup", "head_start"),
    ("startup", "usage"),
    ("startup", "last_resort"),
    ("extension", "ion"),
}

REQUEST_SIDE = {
    "_lane",
    "access",
    "context",
    "listener",
    "request",
    "response",
    "handler",
    "hosts",
    "protocol",
}
REFRESH_SIDE = {"session", "transport", "client", "poller", "extensions_api",
                "agent", "answers", "backup", "credentials", "deadline", "direct", "endpoints",
                "exchange", "head_start", "late_client", "local", "manifest",
                "signature", "tls"}  # fmt: skip

# Each thing of the outside world has its homes.
HOMES = {
    "botocore": {"client"},
    "urllib3": {"transport"},
    "ssl": {"tls", "exchange", "transport"},
    "_hashlib": {"digest"},
    "hmac": {"digest", "access"},
    "hashlib": {"digest"},
    "httptools": {"request", "protocol"},
    "re2": {"rules"},
    "uvloop": {"extension"},
    "orjson": {"decoding", "response", "variants"},
    "posix": {"startup", "last_resort"},
}


def imports(path):
    """`(module, late)` for every import in a file; `late` where it stands inside a function."""
    if path.suffix == ".py":
        tree = ast.parse(path.read_text())
        top = set(tree.body)
        for node in ast.walk(tree):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            if isinstance(node, ast.ImportFrom) and node.module == "fastext":
                names = [f"fastext.{alias.name}" for alias in node.names]
            for name in names:
                yield name, node not in top
    else:
        pattern = r"^( *)(?:from ([\w.]+) c?import|c?import ([\w.]+))"
        for indent, module, other in re.findall(pattern, path.read_text(), re.M):
            yield module or other, bool(indent)


FILES = {path.stem: path for path in (*SOURCE.glob("*.py"), *SOURCE.glob("*.pyx"))}


def level(module):
    return next(number for number, names in enumerate(LEVELS) if module in names)


def ours(stem):
    known = FILES.keys() | {"__init__"}
    for name, late in imports(FILES[stem]):
        if name == "fastext" or name.startswith("fastext."):
            module = name.removeprefix("fastext").removeprefix(".") or "__init__"
            yield (module if module in known else "__init__"), late


def test_every_module_has_its_level_and_none_is_left_over():
    assert set().union(*LEVELS) == set(FILES)


@pytest.mark.parametrize("stem", sorted(FILES))
def test_imports_go_downward_only(stem):
    for module, late in ours(stem):
        allowed = level(module) < level(stem) or (stem, module) in SIDEWAYS
        assert allowed or (late and (stem, module) in LATE), f"{stem} imports {module}"


def test_the_two_sides_do_not_know_each_other():
    for side, other in ((REQUEST_SIDE, REFRESH_SIDE), (REFRESH_SIDE, REQUEST_SIDE)):
        for stem in side:
            assert not {module for module, _ in ours(stem)} & other, stem


@pytest.mark.parametrize("stem", sorted(FILES))
def test_what_is_outside_has_its_home(stem):
    for name, _ in imports(FILES[stem]):
        package = name.partition(".")[0]
        assert stem in HOMES.get(package, {stem}), f"{package} in {stem}"


def test_the_environment_is_read_by_startup_alone():
    readers = {
        stem
        for stem, path in FILES.items()
        if re.search(r"\bos\.(environ|getenv)|posix\.environ", path.read_text())
    }
    # Where urllib's answer is given in its place, it is given from what urllib reads.
    assert readers == {"startup", "late_modules"}


def test_every_source_file_has_its_tests():
    # The parts of one module are tested through it.
    stems = {stem.strip("_").partition("_")[0] if stem.startswith("ion_") else stem.strip("_")
             for stem in FILES} - {"init", "main"}  # fmt: skip
    tests = {path.stem.removeprefix("test_") for path in TESTS.glob("test_*.py")}
    assert stems <= tests


def test_every_module_says_what_it_is_for():
    for stem, path in FILES.items():
        assert re.match(r'(# cython.*\n)?"""[`\w]', path.read_text()), stem
