"""The microbenchmark suite: `python -m benches` runs it, `benches/README.md` explains it."""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
RESULTS = FOLDER / "results"

# The fakes and the oracle of the tests serve here as well.
sys.path.insert(0, str(ROOT / "tests"))
