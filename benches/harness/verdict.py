"""Whether a run has reached the figures of the table."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from benches.figures import Figure
from benches.harness.model import Comparison


class Standing(StrEnum):
    MISSED = "MISSED"
    MET = "met"
    AIM = "aim reached"
    ABSENT = "not measured"


@dataclass(frozen=True)
class Verdict:
    """`least` is what epoll in C has reached of the same figure, where that is known."""

    figure: Figure
    found: Comparison | None
    least: float | None = None

    @property
    def standing(self) -> Standing:
        if self.found is None:
            return Standing.ABSENT
        value = self.found.value
        if not _reached(value, self.figure.must, self.figure.more_is_better):
            return Standing.MISSED
        aimed = _reached(value, self.figure.aim, self.figure.more_is_better)
        return Standing.AIM if aimed else Standing.MET


def _reached(value: float, bound: float, more_is_better: bool) -> bool:
    return value >= bound if more_is_better else value <= bound


def verdicts(
    figures: Iterable[Figure], comparisons: Iterable[Comparison], *, all_of_them: bool
) -> list[Verdict]:
    """One for each figure that was measured, or with `all_of_them` for every one."""
    found = {each.figure: each for each in comparisons if each.figure}

    def least(figure: Figure) -> float | None:
        ours, over_least = found.get(figure.name), found.get(figure.least_by)
        return ours.value / over_least.value if ours and over_least else None

    return [
        Verdict(figure, found.get(figure.name), least(figure))
        for figure in figures
        if all_of_them or figure.name in found
    ]
