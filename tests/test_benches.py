"""The benchmark suite's own parts: statistics, verdicts, tables, comparisons, its documents.

Nothing here says how fast anything is.
"""

import io
import json
import subprocess
import sys

import pytest
from rich.console import Console

from benches import RESULTS, instructions, publish
from benches.__main__ import GROUPS, NAME
from benches.bench_select import SUBJECTS, prepared
from benches.figures import FIGURES, Figure
from benches.harness import documents, report, statistics
from benches.harness.build import Missing
from benches.harness.model import Comparison, Measure, Results, Skip
from benches.harness.suite import Case, Context, Group, run_case, selected
from benches.harness.verdict import Standing, verdicts
from dev.service import ROOT


def comparison(value, figure="wire.keep.nginx", anchor="nginx", case="kept alive"):
    return Comparison("wire", case, "fastext", anchor, value, value, value, 3, figure)


def measure(value, subject="fastext", unit="ns", case="kept alive", low=None, high=None):
    bounds = value if low is None else low, value if high is None else high
    return Measure("wire", case, subject, unit, value, *bounds, 3)


def results(*outcomes, quick=False):
    found = Results({"python": "3"}, quick)
    found.add(outcomes)
    return found


# ---------------------------------------------------------------- statistics


@pytest.mark.parametrize(
    ("percent", "value"), [(0, 10), (50, 30), (100, 50), (25, 20), (90, 46), (12.5, 15)]
)
def test_percentiles_lie_between_samples(percent, value):
    assert statistics.percentile([10, 20, 30, 40, 50], percent) == value


def test_there_is_no_percentile_of_nothing():
    with pytest.raises(ValueError, match="no samples"):
        statistics.percentile([], 50)


def test_samples_come_in_any_order():
    assert statistics.median([5, 1, 3]) == 3
    assert statistics.quartiles([4, 1, 3, 2, 5]) == (2, 3, 4)


def test_a_ratio_is_taken_within_each_pair():
    # The machine is slow in the second round, for both.
    found = statistics.compare("g", "c", "a", "b", [1, 10, 1], [2, 20, 4], "f")
    assert (found.value, found.runs, found.figure) == (0.5, 3, "f")
    assert (found.low, found.high) == (0.375, 0.5)


def test_runs_without_a_partner_are_refused():
    with pytest.raises(ValueError, match="2 runs cannot be paired with 3"):
        statistics.compare("g", "c", "a", "b", [1, 2], [1, 2, 3])


def test_subjects_take_turns_and_change_places():
    order, rounds = [], []
    given = statistics.interleaved(
        {name: lambda name=name: order.append(name) or name for name in "ab"},
        3,
        lambda: rounds.append(len(order)),
    )
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert rounds == [2, 4, 6]
    assert given == {"a": ["a"] * 3, "b": ["b"] * 3}


def test_a_curve_has_every_percentile():
    curve = statistics.curve(list(range(101)))
    assert len(curve) == len(statistics.PERCENTILES)
    assert curve[50] == 50
    assert list(curve) == sorted(curve)


# ---------------------------------------------------------------- verdicts

LESS = Figure("less", "less is better", 0.9, 0.8)
MORE = Figure("more", "more is better", 1.3, 2.0, more_is_better=True)


@pytest.mark.parametrize(
    ("figure", "value", "standing"),
    [
        (LESS, 0.91, Standing.MISSED), (LESS, 0.9, Standing.MET), (LESS, 0.8, Standing.AIM),
        (MORE, 1.29, Standing.MISSED), (MORE, 1.3, Standing.MET), (MORE, 2.1, Standing.AIM),
    ],
)  # fmt: skip
def test_a_bound_is_met_up_to_itself(figure, value, standing):
    (verdict,) = verdicts([figure], [comparison(value, figure.name)], all_of_them=True)
    assert verdict.standing is standing


def test_what_was_not_measured_is_said_after_a_whole_run_only():
    found = [comparison(0.5, "less")]
    names = [(each.figure.name, each.standing) for each in verdicts([LESS, MORE], found,
                                                                   all_of_them=True)]  # fmt: skip
    assert names == [("less", Standing.AIM), ("more", Standing.ABSENT)]
    (only,) = verdicts([LESS, MORE], found, all_of_them=False)
    assert only.figure is LESS


def test_figures_are_consistent():
    assert len({figure.name for figure in FIGURES}) == len(FIGURES)
    for figure in FIGURES:
        assert (figure.aim > figure.must) == figure.more_is_better, figure.name
    assert set(publish.FIVE) < {figure.name for figure in FIGURES}


# ---------------------------------------------------------------- tables


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (146.9, "ns", "147 ns"), (14621, "ns", "14.6 µs"), (4.298e6, "ns", "4.30 ms"),
        (2.5e12, "ns", "2,500 s"), (0.6312, "", "0.631"), (12.3, "MB", "12.3 MB"),
        (176799, "requests/s", "176,799 requests/s"),
    ],
)  # fmt: skip
def test_quantities_have_three_digits(value, unit, text):
    assert report.quantity(value, unit) == text


def test_a_group_has_a_row_for_each_case_with_its_ratios():
    found = results(
        measure(10_000), measure(20_000, "nginx"), measure(5, "bare", "ms", "start"),
        measure(50, "direct", "ms", "start"), comparison(0.5),
        Comparison("wire", "start", "direct", "bare", 10, 10, 10, 3),
    )  # fmt: skip
    assert report.markdown_group(found, "wire") == (
        "|  | fastext | nginx |\n|---|---|---|\n| kept alive | 10.0 µs | 20.0 µs (0.500) |\n"
        "\n|  | bare | direct |\n|---|---|---|\n| start | 5.00 ms | 50.0 ms (x 10.0) |\n"
    )


def test_a_miss_says_what_epoll_in_c_has_and_is_a_miss():
    over = Figure("over", "a round trip over another server's", 0.4, 0.3, least_by="least")
    least = Figure("least", "the same over epoll in C", 1.3, 1.1)
    for value, over_least, expected in (
        (0.5, 1.1, Standing.MISSED), (0.5, 1.3, Standing.MISSED), (0.4, 0.9, Standing.MET)
    ):  # fmt: skip
        found = [comparison(value, "over"), comparison(over_least, "least")]
        verdict, _ = verdicts([over, least], found, all_of_them=True)
        assert verdict.standing is expected
    (row,) = report.verdict_rows(
        verdicts([over], [comparison(0.5, "over"), comparison(1.0, "least")], all_of_them=True)
    )
    assert row[-1] == "MISSED; epoll in C has 0.5"


def test_a_verdict_names_figure_bounds_and_standing():
    (row,) = report.verdict_rows(verdicts([MORE], [comparison(1.0, "more")], all_of_them=True))
    assert row == ("more is better", "1.00", "≥ 1.30", "≥ 2.00", "MISSED")


def test_a_change_counts_where_quartiles_part():
    old = results(measure(100, low=90, high=110), comparison(0.5))
    new = results(
        measure(150, low=140, high=160), comparison(0.5), measure(1, "only in the new one")
    )
    assert report.changes(old, new) == [
        (("wire", "kept alive", "fastext"), ("100 ns", "150 ns", "1.50"), True),
        (("wire", "kept alive", "fastext / nginx"), ("0.500", "0.500", "1.00"), False),
    ]
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(report.comparison_table(old, new))
    assert "fastext / nginx" in console.export_text()


def test_results_come_back_from_their_file(tmp_path):
    found = results(measure(1.5), comparison(0.5), Skip("wire", "load", "one core"))
    found.measures[0] = Measure("g", "c", "s", "ns", 1, 1, 1, 3, (1.0, 2.0))
    found.save(tmp_path / "new" / "latest.json")
    assert Results.load(tmp_path / "new" / "latest.json") == found


def test_results_of_another_format_are_refused(tmp_path):
    (tmp_path / "old.json").write_text('{"format": 0}')
    with pytest.raises(ValueError, match="not of format"):
        Results.load(tmp_path / "old.json")


# ---------------------------------------------------------------- cases


def test_every_figure_is_found_by_a_case_that_the_code_names():
    code = "".join(path.read_text() for path in (ROOT / "benches").glob("bench_*.py"))
    for figure in FIGURES:
        group, _, rest = figure.name.partition(".")
        named = f'"{figure.name}"' in code
        generated = group in ("start", "memory") and f'f"{group}.{{' in code
        assert named or generated or group == "instructions", figure.name
        assert rest


def test_groups_and_cases_have_names_of_their_own():
    assert len({group.name for group in GROUPS}) == len(GROUPS)
    for group in GROUPS:
        names = [case.name for case in group.cases]
        assert len(set(names)) == len(names), group.name


@pytest.mark.parametrize(
    ("selection", "cases"),
    [
        ((), ["a x", "a y", "b x"]),
        (("a",), ["a x", "a y"]),
        (("a,y", "b"), ["a y", "b x"]),
        (("a,*",), ["a x", "a y"]),
    ],
)
def test_cases_are_selected_by_group_and_pattern(selection, cases):
    groups = [Group("a", "", (Case("x", lambda _: ()), Case("y", lambda _: ()))),
              Group("b", "", (Case("x", lambda _: ()),))]  # fmt: skip
    chosen = selected(groups, selection)
    assert [f"{group.name} {case.name}" for group, case in chosen] == cases


def test_a_selection_of_nothing_is_a_mistake():
    with pytest.raises(ValueError, match="'wire,none' names no case"):
        selected(GROUPS, ("wire,none",))


def test_what_needs_two_cores_is_skipped_on_one():
    context = Context(quick=True)
    context.other_core = context.server_core
    group = Group("g", "", (Case("c", lambda _: pytest.fail("run"), needs_two_cores=True),))
    assert run_case(group, group.cases[0], context) == [Skip("g", "c", "needs two cores")]


def test_a_server_that_cannot_be_had_is_skipped_alone():
    class Machine:
        def get(self, name, document):
            if name == "nginx":
                raise Missing("no nginx here")
            return name

    context = Context(quick=True)
    context.servers = Machine()
    servers, skips = context.available("wire", "kept alive", ("fastext", "nginx"))
    assert servers == {"fastext": "fastext"}
    assert skips == [Skip("wire", "kept alive, nginx", "no nginx here")]


def test_a_case_that_lacks_something_is_a_skip():
    def lacking(_):
        raise Missing("no compiler")
        yield

    group = Group("g", "", (Case("c", lacking),))
    assert run_case(group, group.cases[0], Context(quick=True)) == [Skip("g", "c", "no compiler")]


# ---------------------------------------------------------------- documents and subjects


@pytest.mark.parametrize("size", [*documents.SIZES, 300, 1000])
def test_a_document_of_flags_has_the_size_that_is_asked_for(size):
    content = documents.sized_document(size)
    assert len(content) == size
    assert all(isinstance(flag["enabled"], bool) for flag in json.loads(content).values())


def test_a_subset_keeps_the_bytes_of_the_document():
    content = documents.flags_document(20)
    chosen = documents.subset(content, documents.WANTED)
    assert list(json.loads(chosen)) == list(documents.WANTED)
    assert chosen[1:-1].split(b',"flag_')[0] in content


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_way_of_selecting_is_checked_before_it_is_timed(subject, monkeypatch):
    prepared(subject, 10, 3)
    monkeypatch.setitem(SUBJECTS, subject, lambda size, wanted: lambda: b"{}")
    with pytest.raises(AssertionError):
        prepared(subject, 10, 3)


# ---------------------------------------------------------------- instructions


def test_a_count_may_grow_by_five_per_cent():
    kept = {"hit": 1000, "start": 1000}
    assert instructions.grown(kept, {"hit": 1050, "start": 900}) == []
    assert instructions.grown(kept, {"hit": 1051, "start": 900}) == ["hit"]


def test_another_toolchain_is_named():
    kept = {"python": "3.11.7", "compiler": "cc 12"}
    assert instructions.differences(kept, dict(kept)) == []
    assert instructions.differences(kept, {"python": "3.13.0", "compiler": "cc 12"}) == [
        "python: 3.11.7 in the file, 3.13.0 here"
    ]


def test_the_kept_counts_cover_every_request_and_reach_their_figures():
    counts = instructions.Record.load().instructions
    assert counts.keys() == {instructions.START, *instructions.REQUESTS}
    found = verdicts(instructions.INSTRUCTIONS, instructions.comparisons(counts), all_of_them=True)
    assert Standing.MISSED not in {each.standing for each in found}


# ---------------------------------------------------------------- what is published


def test_the_readmes_say_what_the_stored_results_say():
    stored = Results.load(RESULTS / NAME)
    for path, text in publish.written(stored).items():
        assert path.read_text() == text, f"{path}: run python -m benches.publish"
    assert publish.five_lines(stored).count("\n") == 5


def test_a_text_without_markers_is_refused():
    with pytest.raises(ValueError, match="no markers"):
        publish.with_block("nothing here", "block")


def test_the_manual_shows_pictures_that_exist():
    for line in publish.MANUAL.read_text().splitlines():
        if line.startswith("!["):
            name = line.partition("](")[2].rstrip(")")
            assert (publish.MANUAL.parent / name).exists(), name


# ---------------------------------------------------------------- the command


def test_a_part_of_the_suite_runs_and_is_reported(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "benches", "--quick", "--only", "parse,plain",
         "--output", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = Results.load(tmp_path / NAME)
    assert [each.subject for each in found.measures] == ["fastext", "plain Python"]
    assert found.quick
    assert found.selection == ("parse,plain",)
    assert all(each.value > 0 for each in found.measures)
    assert "| plain |" in (tmp_path / "latest.md").read_text()


def test_the_list_has_every_case():
    done = subprocess.run([sys.executable, "-m", "benches", "--list"], cwd=ROOT,
                          env={"COLUMNS": "200", "PATH": ""}, capture_output=True, text=True,
                          check=True)  # fmt: skip
    for group in GROUPS:
        for case in group.cases:
            assert case.name in done.stdout, case.name
