"""Mixed load, changing documents and random faults against the real process, every reply checked.

`python -m soak --minutes 10`, or `make soak MINUTES=10`. Three extensions run at once: one whose
whole life is load and faults, one that Lambda lets wait for its next event for 400 s, and one after
the other that are shut down in the middle of whatever they do.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# The independent fakes of the tests serve here as well.
sys.path.insert(0, str(ROOT / "tests"))
