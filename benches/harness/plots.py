"""Results as pictures, PNG and SVG."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot, ticker

from benches.bench_startup import BARE, PHASES
from benches.bench_wire import GROUP as WIRE
from benches.harness.documents import SIZES
from benches.harness.model import Measure, Results
from benches.harness.statistics import PERCENTILES

FORMATS = ("png", "svg")

Figure = Any


def draw_all(results: Results, folder: Path) -> list[Path]:
    """Every picture that there are results for."""
    pictures: dict[str, Callable[[Results], Figure | None]] = {
        "latency-kept-alive": lambda each: latency(each, "kept alive, 280 B"),
        "latency-connection-per-request": lambda each: latency(
            each, "connection per request, 280 B"
        ),
        "document-size": document_size,
        "number-of-flags": number_of_flags,
        "start": start,
    }
    # The same results make the same file: no date, no random identifiers.
    pyplot.rcParams["svg.hashsalt"] = "fastext"
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, draw in pictures.items():
        figure = draw(results)
        if figure is None:
            continue
        figure.tight_layout()
        for form in FORMATS:
            path = folder / f"{name}.{form}"
            metadata = {"Date": None} if form == "svg" else {"Software": None}
            figure.savefig(path, dpi=110, metadata=metadata)
            drawn.append(path)
        pyplot.close(figure)
    return drawn


def latency(results: Results, case: str) -> Figure | None:
    """Every percentile of round trips, by server; the tail is stretched."""
    measures = [
        each for each in results.measures if (each.group, each.case) == (WIRE, case) and each.curve
    ]
    if not measures:
        return None
    figure, axes = pyplot.subplots(figsize=(8, 5))
    tail = [1 / (1 - percent / 100) for percent in PERCENTILES]
    for measure in measures:
        width = 2.5 if measure.subject == "fastext" else 1.2
        microseconds = [value / 1000 for value in measure.curve]
        axes.plot(tail, microseconds, linewidth=width, label=measure.subject)
    axes.set_xscale("log")
    axes.set_yscale("log")
    shown = (0, 50, 90, 99, 99.9, 99.99)
    axes.set_xticks([1 / (1 - each / 100) for each in shown], [f"{each:g}" for each in shown])
    axes.minorticks_off()
    plain_numbers(axes.yaxis)
    axes.set_xlabel("percentile")
    axes.set_ylabel("round trip, µs")
    axes.set_title(case)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def document_size(results: Results) -> Figure | None:
    """Round trips by size of the document, kept alive and with a connection each."""
    figure, panes = pyplot.subplots(1, 2, figsize=(10, 4.5), sharey=True)
    drawn = 0
    for axes, way in zip(panes, ("kept alive", "connection per request"), strict=True):
        for prefix in ("fastext", "nginx", "epoll in C"):
            points = []
            for size, text in SIZES.items():
                measure = _find(results, WIRE, f"{way}, {text}", prefix)
                if measure:
                    points.append((size, measure.value / 1000))
            if points:
                axes.plot(*zip(*points, strict=True), marker="o", label=prefix)
                drawn += 1
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(list(SIZES), list(SIZES.values()))
        axes.minorticks_off()
        plain_numbers(axes.yaxis)
        axes.set_title(way)
        axes.set_xlabel("document")
        axes.grid(alpha=0.3)
        if points:
            axes.legend()
    panes[0].set_ylabel("round trip, µs")
    if not drawn:
        pyplot.close(figure)
        return None
    return figure


def plain_numbers(axis: Any) -> None:
    """A logarithmic axis that says 20 and 50, not powers of ten alone."""
    axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axis.set_minor_locator(ticker.NullLocator())


def _find(results: Results, group: str, case: str, prefix: str) -> Measure | None:
    """The first subject whose name begins so: nginx is set otherwise for large documents."""
    return next(
        (
            each
            for each in results.measures
            if (each.group, each.case) == (group, case) and each.subject.startswith(prefix)
        ),
        None,
    )


def number_of_flags(results: Results) -> Figure | None:
    """Selecting three flags by the size of the document, by method."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for measure in results.measures:
        wanted, _, size = measure.case.partition(" of ")
        if measure.group == "select" and wanted == "3":
            point = (int(size.replace(",", "")), measure.value)
            lines.setdefault(measure.subject, []).append(point)
    if not lines:
        return None
    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for subject, points in lines.items():
        axes.plot(*zip(*sorted(points), strict=True), marker="o", label=subject)
    axes.set_xscale("log")
    axes.set_yscale("log")
    plain_numbers(axes.yaxis)
    axes.set_xlabel("flags in the document")
    axes.set_ylabel("ns to select three")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def start(results: Results) -> Figure | None:
    """From exec to each phase, as stacked bars in the order in which the phases come."""
    found = [each for each in results.measures if each.group == "start" and each.case in PHASES]
    bare = next((each for each in found if each.subject == BARE), None)
    subjects = list(dict.fromkeys(each.subject for each in found if each.subject != BARE))
    if bare is None or not subjects:
        return None
    figure, axes = pyplot.subplots(figsize=(9, 1 + 0.7 * (len(subjects) + 1)))
    axes.barh(BARE, bare.value, color="grey")
    colours = dict(zip(PHASES, ("tab:blue", "tab:green", "tab:orange", "tab:red"), strict=True))
    labelled: set[str] = set()
    for subject in subjects:
        reached = _phases(found, subject)
        begin = 0.0
        for phase, moment in sorted(reached.items(), key=lambda item: item[1]):
            label = None if phase in labelled else f"to {phase}"
            labelled.add(phase)
            axes.barh(subject, moment - begin, left=begin, color=colours[phase], label=label)
            begin = moment
    axes.invert_yaxis()
    axes.set_xlabel("ms from exec")
    axes.legend()
    return figure


def _phases(found: Sequence[Measure], subject: str) -> dict[str, float]:
    return {each.case: each.value for each in found if each.subject == subject}
