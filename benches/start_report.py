"""What the starts of the built layer come to: the table of times, and the budgets."""

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benches.harness import statistics

PHASES = ("registered", "serving", "prefetched", "next event")


@dataclass(frozen=True)
class Budget:
    """A figure of the table: what it must be at most, and what it should be."""

    name: str
    must: float
    aim: float
    unit: str = "x"


BUDGETS = (
    Budget("zip, MB", 11, 7, "MB"),
    Budget("unpacked, MB", 28, 20, "MB"),
    Budget("registered, over bare", 1.5, 1.15),
    Budget("serving, over bare", 8, 5),
    Budget("prefetched with botocore, over bare", 19, 14),
    Budget("PSS after prefetch with botocore, MB", 36, 30, "MB"),
    Budget("whole start over a plain bundle, warm", 0.85, 0.7),
    Budget("whole start over a plain bundle, cold", 0.85, 0.7),
)


@dataclass(frozen=True)
class Start:
    """One start: milliseconds to each of PHASES, PSS at the end, and what the log line says."""

    phases: tuple[float, ...]
    pss_bytes: int
    logged: tuple[str, ...] = ()


def ratio(given: Mapping[str, list[Start]], subject: str, anchor: str, phase: str) -> float:
    """The median of the rounds' ratios."""
    place = PHASES.index(phase)
    pairs = zip(given[subject], given[anchor], strict=True)
    return statistics.median([ours.phases[place] / its.phases[place] for ours, its in pairs])


def figures(
    archive: Path, warm: Mapping[str, list[Start]], cold: Mapping[str, list[Start]]
) -> dict[str, float]:
    """What the budgets are about, by name."""
    with zipfile.ZipFile(archive) as content:
        unpacked = sum(entry.file_size for entry in content.infolist())
    pss = [each.pss_bytes for each in warm["layer, botocore"]]
    return {
        "zip, MB": archive.stat().st_size / 1e6,
        "unpacked, MB": unpacked / 1e6,
        "registered, over bare": ratio(warm, "layer, direct", "bare", "registered"),
        "serving, over bare": ratio(warm, "layer, direct", "bare", "serving"),
        "prefetched with botocore, over bare": ratio(warm, "layer, botocore", "bare", "prefetched"),
        "PSS after prefetch with botocore, MB": statistics.median(pss) / 1e6,
        # The complete client is the longer of the two starts.
        "whole start over a plain bundle, warm": whole(warm),
        "whole start over a plain bundle, cold": whole(cold),
    }


def whole(given: Mapping[str, list[Start]]) -> float:
    """The larger of the two clients' ratios to the bundle."""
    return max(
        ratio(given, f"layer, {client}", f"bundle, {client}", "next event")
        for client in ("direct", "botocore")
    )


def lines_of(title: str, given: Mapping[str, list[Start]]) -> Iterator[str]:
    """The measured times, and their ratios to bare."""
    yield f"\n{title + ', ms (over bare)':28}" + "".join(f"{phase:>20}" for phase in PHASES)
    bare = statistics.median([each.phases[0] for each in given["bare"]])
    yield f"{'bare':28}{bare:20.1f}"
    for subject, starts in given.items():
        if subject != "bare":
            columns = []
            for place, phase in enumerate(PHASES):
                middle = statistics.median([each.phases[place] for each in starts])
                over = f"({ratio(given, subject, 'bare', phase):.2f})"
                columns.append(f"{middle:11.1f} {over:>8}")
            pss = statistics.median([each.pss_bytes for each in starts]) / 1e6
            yield f"{subject:28}{''.join(columns)}  PSS {pss:.1f} MB"
            if starts[-1].logged:
                said = zip(PHASES, starts[-1].logged, strict=False)
                yield f"{'  its log line, last round':28}" + ", ".join(
                    f"{phase} {value}" for phase, value in said
                )


def verdicts(found: Mapping[str, float]) -> tuple[list[str], bool]:
    """The table of budgets, and whether all that must hold does."""
    lines = [f"\n{'budget':42}{'measured':>10}{'must':>8}{'aim':>8}"]
    held = True
    for budget in BUDGETS:
        value = found[budget.name]
        verdict = "aim" if value <= budget.aim else "must" if value <= budget.must else "MISSED"
        held = held and value <= budget.must
        bounds = f"{budget.must:8g}{budget.aim:8g}"
        lines.append(f"{budget.name:42}{value:10.2f}{bounds}  {budget.unit:3}{verdict}")
    return lines, held
