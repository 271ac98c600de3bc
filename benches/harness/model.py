"""What a run has found, and its form in a file.

A `Measure` is one quantity of one subject. A `Comparison` is a ratio between two subjects that
took turns, or between two loads of one subject; where it has a `figure`, the table in `figures`
says what it must reach.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FORMAT = 1


@dataclass(frozen=True)
class Measure:
    """`value` is the median of `runs` runs, `low` and `high` are the quartiles.

    `curve` holds single requests at `statistics.PERCENTILES`, where there are any.
    """

    group: str
    case: str
    subject: str
    unit: str
    value: float
    low: float
    high: float
    runs: int
    curve: tuple[float, ...] = ()

    @property
    def name(self) -> tuple[str, str, str, str]:
        return self.group, self.case, self.subject, self.unit


@dataclass(frozen=True)
class Comparison:
    """`subject` over `anchor`: the median of the ratios of all rounds, and their quartiles.

    A quantity that the table of figures bounds by itself, such as a stall, has no anchor.
    """

    group: str
    case: str
    subject: str
    anchor: str
    value: float
    low: float
    high: float
    runs: int
    figure: str = ""

    @property
    def name(self) -> tuple[str, str, str, str, str]:
        return self.group, self.case, self.subject, self.anchor, self.figure


@dataclass(frozen=True)
class Skip:
    """What was not measured, and why."""

    group: str
    case: str
    reason: str


Outcome = Measure | Comparison | Skip


@dataclass
class Results:
    """One run of the suite. `quick` or a `selection` make it unfit to be published."""

    environment: Mapping[str, Any]
    quick: bool
    selection: tuple[str, ...] = ()
    seconds: float = 0.0
    measures: list[Measure] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)

    def add(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Measure):
                self.measures.append(outcome)
            elif isinstance(outcome, Comparison):
                self.comparisons.append(outcome)
            else:
                self.skips.append(outcome)

    def figure(self, name: str) -> Comparison | None:
        """What was found for a figure of the table."""
        return next((each for each in self.comparisons if each.figure == name), None)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Results":
        """Raises ValueError where the file is not of this format."""
        read = json.loads(path.read_text())
        if read.pop("format", None) != FORMAT:
            raise ValueError(f"{path} is not of format {FORMAT}")
        return cls(
            environment=read["environment"],
            quick=read["quick"],
            selection=tuple(read["selection"]),
            seconds=read["seconds"],
            measures=[Measure(**{**each, "curve": tuple(each["curve"])})
                      for each in read["measures"]],
            comparisons=[Comparison(**each) for each in read["comparisons"]],
            skips=[Skip(**each) for each in read["skips"]],
        )  # fmt: skip
