"""The commands as a whole: how they are reached, what they load, what their manual shows."""

import re
import shlex
import subprocess
import sys

import pytest
from command_line import run
from program import COMMAND, FEATURES

from dev.service import ROOT
from fastext import commands
from fastext.startup import COMMANDS

CHECKOUT = "examples/flags/checkout.json"
MANUAL = (ROOT / "docs" / "commands.md").read_text()


def examples(text):
    """The command lines of a document with what it shows of their output."""
    for block in re.findall(r"```console\n(.*?)```", text, re.S):
        yield from re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M)


SHOWN = list(examples(MANUAL))


def test_the_manual_has_examples():
    assert len(SHOWN) >= 4


@pytest.mark.parametrize(("line", "output"), SHOWN, ids=[line for line, _ in SHOWN])
def test_examples_show_what_is_printed(line, output, tmp_path):
    command, *arguments = shlex.split(line.replace("/tmp/", f"{tmp_path}/"))
    assert command == "fastext"
    answer = run(*arguments)
    assert answer.stdout + answer.stderr == output


def test_the_help_names_every_command_and_each_has_its_own():
    said = run("--help").stdout
    for name in COMMANDS:
        assert f"fastext {name} " in said
        answer = run(name, "--help")
        assert answer.returncode == 0
        assert "--json" in answer.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", CHECKOUT],
        ["explain", CHECKOUT, "--flag", "nobody"],
        ["explain", CHECKOUT, "--flag", "checkout", "--context", "country"],
        ["explain", "/nonexistent", "--flag", "checkout"],
        ["explain", "README.md", "--flag", "checkout"],
        ["explain", "tests", "--flag", "checkout"],
        ["split", CHECKOUT, "--flag", "checkout", "--key", "userId"],
        ["split", CHECKOUT, "--flag", "checkout", "--key", "userId", "--count", "0"],
        ["split", CHECKOUT, "--flag", "checkout", "--key", "u", "--identities", "/nonexistent"],
        ["split", CHECKOUT, "--flag", "checkout", "--key", "u", "--count", "9", "--plot", "a.bmp"],
        ["lint", "README.md"],
        ["lint", "/nonexistent"],
    ],
)
def test_what_cannot_be_used_is_one_line_and_status_2(arguments):
    answer = run(*arguments)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert "Traceback" not in answer.stderr
    last = answer.stderr.strip().splitlines()[-1]
    assert last.startswith(f"fastext {arguments[0]}: ")


# ---------------------------------------------------------------- what is loaded

OURS = re.compile(r"import time: .*\| +(fastext[\w.]*|rich|argparse|matplotlib)$", re.M)


def test_a_serving_process_loads_nothing_of_them(start, appconfig):
    flags = b'{"new":{"_variants":[{"name":"on","enabled":true}]}}'
    appconfig.deploy("shop", "production", "features", flags)
    program = start(AWS_ENDPOINT_URL=appconfig.url, PYTHONPROFILEIMPORTTIME="1").wait_serving()
    assert b'"_variant":"on"' in program.get(f"{FEATURES}?flag=new").content
    program.stop()
    loaded = set(OURS.findall(program.log))
    assert "fastext.rules" in loaded  # the list is complete
    assert not {
        name for name in loaded if name.startswith(("fastext.commands", "rich", "argp", "matp"))
    }


def test_nothing_but_the_command_line_imports_them():
    importers = {
        path.name
        for path in (ROOT / "src/fastext").glob("*.py*")
        if "fastext.commands" in path.read_text()
    }
    assert importers == {"startup.py"}


WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("rich", "matplotlib"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from fastext.commands import main
sys.exit(main(sys.argv[1:]))
"""
SPLIT = ["split", CHECKOUT, "--flag", "checkout", "--key", "userId", "--count", "100"]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["explain", CHECKOUT, "--flag", "checkout"], 2),
        (["explain", CHECKOUT, "--flag", "checkout", "--json"], 0),
        (SPLIT, 2),
        ([*SPLIT, "--json"], 0),
        ([*SPLIT, "--json", "--plot", "chart.png"], 2),
        (["lint", CHECKOUT], 0),
    ],
)
def test_without_the_extra_json_still_works_and_one_line_names_it(arguments, status):
    answer = subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert answer.returncode == status
    assert (len(answer.stderr.splitlines()), "fastext[cli]" in answer.stderr) == (
        (0, False) if status == 0 else (1, True)
    )


def test_a_reader_that_goes_away_is_no_failure():
    process = subprocess.Popen(
        [COMMAND, *SPLIT, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(30) == commands.DONE
