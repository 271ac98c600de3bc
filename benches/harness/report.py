"""Results as tables: for a terminal, for Markdown, and beside earlier results."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from rich.table import Table

from benches.harness.model import Comparison, Measure, Results
from benches.harness.verdict import Standing, Verdict

STYLES = {
    Standing.MISSED: "bold red",
    Standing.MET: "green",
    Standing.AIM: "bold green",
    Standing.ABSENT: "yellow",
}

# Steps of a thousand, so that numbers stay short.
_TIME = ("ns", "µs", "ms", "s")


def quantity(value: float, unit: str) -> str:
    """A value with three digits that count, and its unit: `14.6 µs`, `0.631`, `12,300`."""
    if unit == "ns":
        for step in _TIME:
            if abs(value) < 1000 or step == _TIME[-1]:
                return f"{_digits(value)} {step}"
            value /= 1000
    return f"{_digits(value)} {unit}".rstrip()


def _digits(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


# ---------------------------------------------------------------- Markdown


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def verdict_rows(verdicts: Iterable[Verdict]) -> list[tuple[str, str, str, str, str]]:
    """What, found, must, aim, verdict: as text."""
    rows = []
    for verdict in verdicts:
        figure, found = verdict.figure, verdict.found
        bound = "≥" if figure.more_is_better else "≤"
        rows.append(
            (
                figure.what,
                quantity(found.value, figure.unit) if found else "",
                f"{bound} {quantity(figure.must, figure.unit)}",
                f"{bound} {quantity(figure.aim, figure.unit)}",
                standing(verdict),
            )
        )
    return rows


def standing(verdict: Verdict) -> str:
    if verdict.standing is Standing.MISSED and verdict.least is not None:
        return f"{Standing.MISSED.value}; epoll in C has {verdict.least:.3g}"
    return verdict.standing.value


VERDICT_HEADER = ("figure", "found", "must", "aim", "verdict")


def markdown_verdicts(verdicts: Iterable[Verdict]) -> str:
    return markdown_table(VERDICT_HEADER, verdict_rows(verdicts))


def markdown_group(results: Results, group: str) -> str:
    """A row for each case; the cases of the same subjects share a table.

    A cell is a median. In brackets is what the first subject is over it, pair by pair; where the
    first is the anchor, what it is of the first, as in "x 9.2".
    """
    ratios = {
        (each.case, each.subject, each.anchor): each.value
        for each in results.comparisons
        if each.group == group
    }
    cases: dict[str, dict[str, Measure]] = {}
    for measure in results.measures:
        if measure.group == group:
            cases.setdefault(measure.case, {})[measure.subject] = measure
    tables: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for case, measures in cases.items():
        subjects = tuple(measures)
        cells = []
        for subject, measure in measures.items():
            over = ratios.get((case, subjects[0], subject))
            times = ratios.get((case, subject, subjects[0]))
            cells.append(
                quantity(measure.value, measure.unit)
                + (f" ({quantity(over, '')})" if over else "")
                + (f" (x {quantity(times, '')})" if times else "")
            )
        tables.setdefault(subjects, []).append((case, *cells))
    return "\n".join(markdown_table(("", *subjects), rows) for subjects, rows in tables.items())


def markdown(results: Results, verdicts: Sequence[Verdict], groups: Sequence[str]) -> str:
    """The whole of a run."""
    environment = results.environment
    packages = ", ".join(
        f"{name} {version}" for name, version in environment["packages"].items() if version
    )
    parts = [
        "# Results of the microbenchmarks\n",
        f"{environment['cpu']}, {environment['cores']} cores, Linux {environment['kernel']}, "
        f"Python {environment['python']} ({environment['python_compiler']}), "
        f"{environment['nginx']}, {packages}; fastext {environment['commit']}; "
        f"{results.seconds:.0f} s.\n",
        markdown_verdicts(verdicts),
    ]
    parts += [f"- skipped: {skip.group}, {skip.case}: {skip.reason}" for skip in results.skips]
    for group in groups:
        table = markdown_group(results, group)
        if table:
            parts.append(f"\n## {group}\n\n{table}")
    return "\n".join(parts)


# ---------------------------------------------------------------- terminal


def verdict_table(verdicts: Iterable[Verdict]) -> Table:
    verdicts = list(verdicts)
    table = Table(*VERDICT_HEADER, title="Figures to reach")
    for verdict, row in zip(verdicts, verdict_rows(verdicts), strict=True):
        style = STYLES[verdict.standing]
        table.add_row(*row[:4], f"[{style}]{row[4]}[/{style}]")
    return table


def comparison_table(old: Results, new: Results) -> Table:
    """Every measure and ratio that both runs have, and what has become of it."""
    table = Table(
        "group", "case", "what", "old", "new", "new / old", title="Against earlier results"
    )
    for name, row, changed in changes(old, new):
        style = "bold" if changed else "dim"
        table.add_row(*name, *row, style=style)
    return table


Change = tuple[tuple[str, str, str], tuple[str, str, str], bool]


def changes(old: Results, new: Results) -> list[Change]:
    """Names, old and new value and their ratio; and whether the quartiles do not overlap."""
    return [
        *_changes(old.measures, new.measures, lambda each: each.subject, lambda each: each.unit),
        *_changes(old.comparisons, new.comparisons, _shown_ratio, lambda each: ""),
    ]


def _shown_ratio(each: Comparison) -> str:
    return f"{each.subject} / {each.anchor}" if each.anchor else each.subject


Found = TypeVar("Found", Measure, Comparison)


def _changes(
    old: Sequence[Found],
    new: Sequence[Found],
    what: Callable[[Found], str],
    unit: Callable[[Found], str],
) -> list[Change]:
    before = {each.name: each for each in old}
    rows = []
    for after in new:
        earlier = before.get(after.name)
        if earlier is None:
            continue
        ratio = quantity(after.value / earlier.value, "") if earlier.value else ""
        values = quantity(earlier.value, unit(earlier)), quantity(after.value, unit(after)), ratio
        changed = after.low > earlier.high or after.high < earlier.low
        rows.append(((after.group, after.case, what(after)), values, changed))
    return rows
