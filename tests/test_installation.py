"""`pip install .` gives the command, on every CPython that we support and this machine has.

Each runs in a fresh environment, off a copy of the project without anything built. Environments
are made side by side, while the first test waits.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from program import FEATURES, Program

import fastext
from dev.service import ROOT
from fastext.settings import VARIABLES

VERSIONS = ("3.11", "3.12", "3.13")

# Fresh environments, with nothing in pip's cache, over a slow line.
pytestmark = pytest.mark.timeout(900)

# Able to make an environment and to build in it; a pyenv shim, for one, may not even run.
USABLE = """
import ensurepip, os, sys, sysconfig, venv
ensurepip.version()
assert os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
assert sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
print(*sys.version_info[:2], sep=".")
"""

ABOUT_PARSE = "import fastext._parse as p; print(p.__file__)"


def clean_environ() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "PYTHON", "VIRTUAL_ENV"))
    }


def find_python(version: str) -> Path | None:
    """A usable CPython of `version`, or None."""
    places = [Path(folder) for folder in os.get_exec_path()]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    places += sorted(pyenv.glob(f"versions/{version}.*/bin"), reverse=True)
    places += [Path("/usr/local/bin"), Path("/usr/bin"), *Path("/opt").glob("python*/bin")]
    candidates = [Path(sys.base_prefix) / "bin" / f"python{version}"]
    candidates += [place / f"python{version}" for place in places]
    for candidate in candidates:
        if not candidate.exists():
            continue
        answer = subprocess.run(
            [candidate, "-c", USABLE], capture_output=True, text=True, env=clean_environ()
        )
        if answer.stdout.strip() == version:
            return candidate
    return None


def install(python: Path, source: Path, folder: Path) -> Path:
    """Install the project at `source` into a new environment; the folder of its commands."""
    shutil.copytree(source, folder / "source")
    subprocess.run([python, "-m", "venv", folder / "venv"], check=True, env=clean_environ())
    pip = [folder / "venv" / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
    answer = subprocess.run(
        [*pip, "install", "-qq", "."],
        cwd=folder / "source",
        env=clean_environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert answer.returncode == 0, answer.stdout
    return folder / "venv" / "bin"


# What a build leaves in the project's folder.
BUILT = (".*", "build", "dist", "*.egg-info", "*.so", "*.c", "__pycache__")


@pytest.fixture(scope="module")
def installations() -> Iterator[dict[str, Future[Path]]]:
    """The folder of the commands for each version that this machine has."""
    with (
        # Not tmp_path: pytest keeps that for three runs, and these are 100 MB each.
        tempfile.TemporaryDirectory(prefix="fastext-installation-") as name,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        folder = Path(name)
        shutil.copytree(ROOT, folder / "source", ignore=shutil.ignore_patterns(*BUILT))
        yield {
            version: pool.submit(install, python, folder / "source", folder / version)
            for version in VERSIONS
            if (python := find_python(version)) is not None
        }


@pytest.fixture(scope="module", params=VERSIONS)
def commands(request: pytest.FixtureRequest, installations: dict[str, Future[Path]]) -> Path:
    if request.param not in installations:
        pytest.skip(f"no usable CPython {request.param} (with venv and headers) on this machine")
    return installations[request.param].result()


@pytest.fixture
def output_of(tmp_path: Path) -> Callable[..., str]:
    """Runs a command away from the project, and gives what it prints."""

    def output_of(*command: str | Path) -> str:
        return subprocess.run(
            command, cwd=tmp_path, env=clean_environ(), check=True, capture_output=True, text=True
        ).stdout

    return output_of


def test_the_command_and_the_module_name_their_version(commands, output_of):
    version = output_of(commands / "fastext", "--version")
    assert fastext.__version__ in version.split()
    assert output_of(commands / "python", "-m", "fastext", "--version") == version


def test_help_lists_every_variable(commands, output_of):
    text = output_of(commands / "fastext", "--help")
    assert [v.lambda_name for v in VARIABLES if v.lambda_name not in text] == []


def test_the_core_is_compiled_and_comes_without_its_source(commands, output_of):
    core = Path(output_of(commands / "python", "-c", ABOUT_PARSE).strip())
    assert core.suffix == ".so"
    assert core.is_relative_to(commands.parent)
    installed = {path.name for path in core.parent.iterdir()}
    assert {"_parse.pyi", "py.typed"} <= installed
    assert [name for name in installed if name.endswith((".pyx", ".c"))] == []


def test_it_serves_a_flag(commands, appconfig):
    program = Program((), {"AWS_ENDPOINT_URL": appconfig.url}, [commands / "fastext"])
    try:
        program.wait_serving()
        assert program.get(f"{FEATURES}?flag=old").content == b'{"enabled":false}'
    finally:
        assert program.stop() == 0
