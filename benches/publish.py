"""Publishes the last whole run: results and plots into `results/`, tables into two READMEs.

python -m benches.publish
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from benches import FOLDER, RESULTS, ROOT
from benches.__main__ import GROUPS, NAME, OUTPUT
from benches.figures import FIGURES
from benches.harness import report
from benches.harness.model import Results
from benches.harness.plots import FORMATS
from benches.harness.verdict import verdicts

README, MANUAL = ROOT / "README.md", FOLDER / "README.md"

BEGIN = "<!-- results: made by `python -m benches.publish` -->\n"
END = "<!-- end of results -->\n"

# What the project's README shows.
FIVE = (
    "wire.keep.nginx", "wire.close.epoll", "client.first", "start.direct.registered",
    "memory.direct",
)  # fmt: skip


def with_block(text: str, block: str) -> str:
    """`text` with `block` between the markers. Raises ValueError where there are none."""
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError("no markers for results")
    return before + BEGIN + block + END + after


def five_lines(results: Results) -> str:
    """The block of the project's README."""
    chosen = [figure for figure in FIGURES if figure.name in FIVE]
    found = verdicts(chosen, results.comparisons, all_of_them=True)
    rows = report.verdict_rows(found)
    return "".join(f"- {what}: **{value or standing}**\n" for what, value, *_, standing in rows)


def tables(results: Results, groups: Sequence[str]) -> str:
    """The block of the suite's README."""
    found = verdicts(FIGURES, results.comparisons, all_of_them=True)
    return report.markdown(results, found, groups)


def written(results: Results) -> dict[Path, str]:
    """What the two READMEs are to say."""
    names = [group.name for group in GROUPS]
    return {
        README: with_block(README.read_text(), five_lines(results)),
        MANUAL: with_block(MANUAL.read_text(), tables(results, names)),
    }


def main() -> int:
    results = Results.load(OUTPUT / NAME)
    if results.quick or results.selection:
        print("the last run was a quick one or a part; `make bench` makes a whole one")
        return 1
    RESULTS.mkdir(exist_ok=True)
    shutil.copy(OUTPUT / NAME, RESULTS / NAME)
    for form in FORMATS:
        for picture in OUTPUT.glob(f"*.{form}"):
            shutil.copy(picture, RESULTS / picture.name)
    for path, text in written(results).items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
