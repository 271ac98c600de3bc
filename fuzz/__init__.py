"""Hostile input, made by the thousand: `python -m fuzz`, or `make fuzz SECONDS=60`.

Each target is a module whose first line states its invariant. It has `check(data)`, which raises if
that does not hold and tells whether the input was good, and `WORDS`, the pieces that inputs are
made of. Its inputs are the thing itself (a conversation, a document, a rule), so that a file of
`corpus/` or `regressions/` can be read, and written by hand. `tests/test_fuzz.py` replays both.
"""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent

# The oracle and the fake transports of the tests serve here as well.
sys.path.insert(0, str(FOLDER.parent / "tests"))

TARGETS = ("conversations", "targets", "flag_documents", "ion_documents", "rules", "contexts")
