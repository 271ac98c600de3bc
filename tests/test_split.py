"""`fastext split`: distributions that AWS documents, mistakes that it points out, pictures."""

import json
import os
import pty
import re
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from command_line import run
from program import COMMAND

SEED_1, SEED_2 = "seed_one", "seed_two"


def split_rule(percentage, seed=SEED_1, by="userId"):
    seed = f' seed::"{seed}"' if seed else ""
    return f"(split pct::{percentage} by::${by}{seed})"


@pytest.fixture
def split(tmp_path):
    """What the command tells of variants A, B ... with these rules, as JSON."""

    def split(*rules, count=20_000, arguments=()):
        variants = [
            {"name": name, "enabled": True, "rule": rule}
            for name, rule in zip("ABCDEFG", rules, strict=False)
        ]
        path = tmp_path / "document"
        tree = {"new": {"_variants": [*variants, {"name": "default", "enabled": False}]}}
        path.write_text(json.dumps(tree))
        given = ["--count", str(count)] if count else []
        answer = run("split", str(path), "--flag", "new", "--key", "userId", "--json", *given,
                     *arguments)  # fmt: skip
        assert answer.returncode == 0, answer.stderr
        told = json.loads(answer.stdout)
        told["percent"] = [one["percent"] for one in told["variants"]]
        return told

    return split


# ---------------------------------------------------------------- distributions


@pytest.mark.parametrize(
    ("rules", "percent"),
    [
        ([split_rule(20)], [20, 80]),
        ([split_rule(20), split_rule(20)], [20, 0, 80]),
        ([split_rule(20), split_rule(25)], [20, 5, 75]),
        ([split_rule(20), split_rule(25, SEED_2)], [20, 20, 60]),
    ],
)
def test_the_documented_distributions(split, rules, percent):
    """Source: AWS AppConfig user guide, "Defining rules: split".

    By FNV-1a the buckets of two seeds are not quite independent.
    """
    assert split(*rules)["percent"] == pytest.approx(percent, abs=1.5)


def test_every_identity_of_a_file_is_evaluated_by_the_engine(split, tmp_path):
    path = tmp_path / "identities"
    path.write_text("anna\nbert\n\n  carl \r\nanna\n")
    told = split('(in $userId ["anna", "carl"])', "true", count=None,
                 arguments=["--identities", str(path)])  # fmt: skip
    assert told["identities"] == 4
    assert [(one["true_for"], one["chosen"]) for one in told["variants"]] == [
        (3, 3), (4, 1), (None, 0)
    ]  # fmt: skip
    assert told["percent"] == [75, 25, 0]


def test_made_up_identities_are_the_same_in_every_run(split):
    rule = split_rule(50)
    assert split(rule, count=1000) == split(rule, count=1000)


# ---------------------------------------------------------------- mistakes


def test_an_ever_empty_share_is_explained_with_what_to_write(split):
    told = split(split_rule(20), split_rule(20))
    (line,) = told["warnings"]
    assert line.startswith("'B' gets nobody, although its split says 20 %: 'A' comes first")
    assert "pct::40" in line
    corrected = split(split_rule(20), split_rule(40))
    assert corrected["percent"] == pytest.approx([20, 20, 60], abs=1)
    assert corrected["warnings"] == []
    reseeded = split(split_rule(20), split_rule(20, SEED_2))
    assert reseeded["percent"] == pytest.approx([20, 16, 64], abs=1)
    assert reseeded["warnings"] == []


@pytest.mark.parametrize(
    ("rules", "advised"),
    [
        ([split_rule(20, seed=""), split_rule(10, seed="")], {"B": "pct::30"}),
        ([split_rule(20), split_rule(20), split_rule(20)], {"B": "pct::40", "C": "pct::60"}),
        ([split_rule(20), split_rule(40), split_rule(40)], {"C": "pct::80"}),
        ([split_rule(60), split_rule(60)], {"B": "Write another seed"}),
        ([f"(and {split_rule(20)} true)", split_rule(10)], {"B": "pct::30"}),
        ([split_rule(20), f'(and (exists key::"userId") {split_rule(20)})'], {"B": "pct::40"}),
    ],
)
def test_what_to_write_leads_to_every_share(split, rules, advised):
    lines = split(*rules)["warnings"]
    assert [line[1] for line in lines] == list(advised)
    for line, wanted in zip(lines, advised.values(), strict=True):
        assert wanted in line


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([split_rule(20, by="accountId")], r"reads \$accountId, which neither"),
        ([f'(and (eq $country "NL") {split_rule(20)})'], r"reads \$country, which neither"),
        (['(exists key::"userId")', split_rule(20)], r"gets a variant before it first: 'A'"),
        (["false", f"(and false {split_rule(20)})"], r"'B' gets nobody.* try more of them"),
    ],
)
def test_other_reasons_for_nobody(split, rules, said):
    (line,) = split(*rules)["warnings"]
    assert re.search(said, line)


@pytest.mark.parametrize(
    "rules",
    [
        [split_rule(0)],
        [split_rule(20), f"(not {split_rule(20)})"],
        [split_rule(20), split_rule(20, by="other"), "false"],
    ],
)
def test_no_share_no_warning_and_no_wrong_advice(split, rules):
    told = split(*rules, arguments=["--context", "other=x"])
    assert [line for line in told["warnings"] if "comes first" in line] == []


# ---------------------------------------------------------------- for the eye


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_picture(split, tmp_path, suffix):
    path = tmp_path / f"chart.{suffix}"
    told = split(split_rule(20), arguments=["--plot", str(path)])
    if suffix == "png":
        assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    else:
        assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
        assert f"{told['percent'][0]:.1f} %" in path.read_text()


def test_a_picture_that_cannot_be_written_is_said():
    answer = run("split", "examples/flags/checkout.json", "--flag", "checkout", "--key", "userId",
                 "--count", "9", "--plot", "/nonexistent/a.png")  # fmt: skip
    assert (answer.returncode, answer.stderr) == (
        2, "fastext split: /nonexistent/a.png cannot be written: No such file or directory\n"
    )  # fmt: skip


@pytest.mark.parametrize(("count", "shown"), [(200_000, True), (1_000, False)])
def test_a_large_input_shows_its_progress_on_a_terminal(count, shown):
    ours, theirs = pty.openpty()
    command = [COMMAND, "split", "examples/flags/checkout.json", "--flag", "checkout",
               "--key", "userId", "--count", str(count)]  # fmt: skip
    environ = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environ) as process:
        os.close(theirs)
        seen = b""
        try:
            while more := os.read(ours, 65536):
                seen += more
        except OSError:  # the terminal's other end is closed
            pass
        assert b"checkout by userId" in process.stdout.read()
    os.close(ours)
    assert (b"identities" in seen) == shown


def test_a_terminal_without_blocks_gets_plain_bars():
    environ = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    command = [COMMAND, "split", "examples/flags/checkout.json", "--flag", "checkout", "--key",
               "userId", "--count", "1000", "--context", "country=NL"]  # fmt: skip
    answer = subprocess.run(command, capture_output=True, env=environ)
    assert answer.returncode == 0, answer.stderr
    assert re.search(rb"off .* #{20,}", answer.stdout)
    assert answer.stdout.isascii()
