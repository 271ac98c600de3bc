"""The table of docs/behaviour.md, "When things go wrong", and the marks of its tests."""

from types import ModuleType

import pytest

from dev.service import ROOT

HEADING = "\n## When things go wrong\n"


def read_table() -> dict[str, dict[str, str]]:
    """Rows by event: the text of each column by its name."""
    section = (ROOT / "docs" / "behaviour.md").read_text().partition(HEADING)[2].partition("\n## ")
    head, _, *rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in section[0].splitlines()
        if line.startswith("|")
    ]
    assert len({row[0] for row in rows}) == len(rows), "an event has one row"
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


TABLE = read_table()


def row(event: str) -> pytest.MarkDecorator:
    """Marks the test of a row, which gets the row as `row` and goes by the event's name."""
    return pytest.mark.parametrize("row", [TABLE.get(event)], ids=[event])


def events_of(module: ModuleType) -> set[str]:
    """The events whose rows the tests of `module` are marked with."""
    return {
        name
        for test in vars(module).values()
        for mark in getattr(test, "pytestmark", ())
        if mark.args[:1] == ("row",)
        for name in mark.kwargs["ids"]
    }
