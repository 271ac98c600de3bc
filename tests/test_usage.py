"""The command line's own words."""

import subprocess

from program import COMMAND

from fastext import __version__
from fastext.settings import VARIABLES


def run(*arguments):
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=False)


def test_help_tells_every_variable_with_its_default():
    answer = run("--help")
    assert answer.returncode == 0
    for variable in VARIABLES:
        assert variable.lambda_name in answer.stdout
        assert variable.help in answer.stdout
        assert f"default {variable.default}" in answer.stdout
    assert "POLL_INTERVAL]" in answer.stdout


def test_version():
    assert run("--version").stdout == f"fastext {__version__}\n"


def test_anything_else_is_a_mistake():
    answer = run("--frobnicate")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "--frobnicate" in answer.stderr
