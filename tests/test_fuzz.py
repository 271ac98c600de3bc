"""The fuzzers: every file of their corpora holds, and so do a fixed number of new inputs."""

import math

import pytest

from fuzz import FOLDER, TARGETS
from fuzz.engine import files, plain, seeds, target

# A few seconds each. The inputs are the same in every run, until a file or a mutation is changed;
# `make fuzz` looks for others.
INPUTS = {"conversations": 1500, "targets": 8000, "flag_documents": 10_000,
          "ion_documents": 8000, "rules": 10_000, "contexts": 1500}  # fmt: skip
SEED = 9112

KEPT = [
    pytest.param(name, path, id=f"{name}-{path.parent.parent.name}-{path.name}")
    for name in TARGETS
    for kind in ("corpus", "regressions")
    for path in files(kind, name)
]


@pytest.mark.parametrize(("name", "path"), KEPT)
def test_what_was_found_once_holds(name, path):
    target(name).check(path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_the_invariant_holds_for_new_inputs(name):
    count, good = plain(name, SEED, INPUTS[name], math.inf)
    assert count == INPUTS[name]
    assert good > count / 20, "inputs of which few are good test little"


def test_every_target_states_its_invariant_first_and_has_a_corpus():
    for name in TARGETS:
        first = (FOLDER / f"{name}.py").read_text().partition("\n")[0]
        assert first.startswith('"""Any ')
        assert len(seeds(name)) > 3
    folders = {path.name for kind in ("corpus", "regressions") for path in FOLDER.glob(f"{kind}/*")}
    assert folders <= set(TARGETS)
