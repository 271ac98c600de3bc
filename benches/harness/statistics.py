"""From samples to what is reported: medians, quartiles and ratios of pairs."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from benches.harness.model import Comparison, Measure

T = TypeVar("T")

# At which a distribution is kept: enough to draw it, tail included.
PERCENTILES = (*(float(each) for each in range(100)), 99.5, 99.9, 99.99)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The value at `percent` of `ordered`, between two samples by straight line."""
    if not ordered:
        raise ValueError("no samples")
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def median(values: Sequence[float]) -> float:
    return percentile(sorted(values), 50)


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The lower quartile, the median and the upper quartile."""
    ordered = sorted(values)
    return percentile(ordered, 25), percentile(ordered, 50), percentile(ordered, 75)


def curve(samples: Sequence[float]) -> tuple[float, ...]:
    """The samples at `PERCENTILES`."""
    ordered = sorted(samples)
    return tuple(percentile(ordered, each) for each in PERCENTILES)


def measure(
    group: str,
    case: str,
    subject: str,
    unit: str,
    values: Sequence[float],
    samples: Sequence[float] = (),
) -> Measure:
    """The measure of one value for each run, and of the `samples` of single requests."""
    low, middle, high = quartiles(values)
    kept = curve(samples) if samples else ()
    return Measure(group, case, subject, unit, middle, low, high, len(values), kept)


def compare(
    group: str,
    case: str,
    subject: str,
    anchor: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    figure: str = "",
) -> Comparison:
    """The ratio of two subjects whose runs are pairs: the n-th of one with that of the other.

    The ratio is taken within each pair, because what disturbs a machine disturbs neighbours.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} runs cannot be paired with {len(theirs)}")
    ratios = [mine / its for mine, its in zip(ours, theirs, strict=True)]
    low, middle, high = quartiles(ratios)
    return Comparison(group, case, subject, anchor, middle, low, high, len(ratios), figure)


def absolute(
    group: str, case: str, subject: str, values: Sequence[float], figure: str
) -> Comparison:
    """A quantity that the table of figures bounds as it is."""
    low, middle, high = quartiles(values)
    return Comparison(group, case, subject, "", middle, low, high, len(values), figure)


def interleaved(
    subjects: Mapping[str, Callable[[], T]], rounds: int, after_round: Callable[[], None]
) -> dict[str, list[T]]:
    """What each subject gave in every round; they take turns, every other round backwards."""
    given: dict[str, list[T]] = {name: [] for name in subjects}
    for number in range(rounds):
        names = list(subjects)
        for name in reversed(names) if number % 2 else names:
            given[name].append(subjects[name]())
        after_round()
    return given
