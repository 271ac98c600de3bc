"""Selecting flags from a document that is cached, beside encoding the same subset.

The anchors get the decoded document for nothing; what it costs to keep is in `update` and
`memory`. One more decodes for every request, as a proxy without a cache of trees does.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import msgspec
import orjson

from benches import ROOT
from benches.harness import documents, machine, micro, statistics
from benches.harness.micro import Micro
from benches.harness.model import Outcome
from benches.harness.suite import Case, Context, Group
from fastext._parse import index_flags, select_flags

GROUP = "select"
SIZES = (10, 100, 1000, 10_000)
WANTED = {1: 1, 3: 3, 10: 10}
PROCESSES = 15
BLOCKS = 5
BLOCK_S = 0.01

Function = Callable[[], bytes]
Subject = tuple[str, int]  # who selects, and from how many flags


@cache
def content(size: int) -> bytes:
    return documents.flags_document(size)


def names(wanted: int) -> tuple[str, ...]:
    """Flags that every document has, in its order."""
    return tuple(documents.flag_name(number) for number in range(10))[:wanted]


def fastext(size: int, wanted: int) -> Function:
    index, chosen = index_flags(content(size)), names(wanted)
    assert index is not None
    return partial(select_flags, index, chosen)


def encoder(encode: Callable[[Any], bytes]) -> Callable[[int, int], Function]:
    """Encodes the subset of a tree that is there already."""

    def prepare(size: int, wanted: int) -> Function:
        tree, chosen = orjson.loads(content(size)), names(wanted)
        if wanted == 1:
            return lambda: encode(tree[chosen[0]])
        return lambda: encode({name: tree[name] for name in chosen})

    return prepare


def decoding(size: int, wanted: int) -> Function:
    """Decodes the document every time."""
    document, chosen = content(size), names(wanted)

    def select() -> bytes:
        tree = orjson.loads(document)
        return orjson.dumps({name: tree[name] for name in chosen})

    return select


SUBJECTS: dict[str, Callable[[int, int], Function]] = {
    "fastext": fastext,
    "orjson.dumps": encoder(orjson.dumps),
    "msgspec": encoder(msgspec.json.encode),
    "json": encoder(lambda tree: json.dumps(tree, separators=(",", ":")).encode()),
    "orjson, decoding each time": decoding,
}


def prepared(subject: str, size: int, wanted: int) -> tuple[Function, tuple[()]]:
    """The function to time, which gives the right subset."""
    function = SUBJECTS[subject](size, wanted)
    tree = json.loads(content(size))
    chosen = names(wanted)
    expected = tree[chosen[0]] if wanted == 1 else {name: tree[name] for name in chosen}
    assert json.loads(function()) == expected
    return function, ()


MICRO = [
    Micro(f"{wanted} of {size:,}", subject, partial(prepared, subject, size, wanted))
    for size in SIZES
    for wanted in WANTED
    for subject in SUBJECTS
    if wanted == 3 or subject in ("fastext", "orjson.dumps")
]


def block_ns(function: Function) -> Callable[[], float]:
    """A run of some milliseconds: nanoseconds for each call."""
    begin = time.perf_counter()
    for _ in range(1000):
        function()
    loops = max(1000, int(1000 * BLOCK_S / (time.perf_counter() - begin)))

    def run() -> float:
        start = time.perf_counter_ns()
        for _ in range(loops):
            function()
        return (time.perf_counter_ns() - start) / loops

    return run


def in_turns(ours: Subject, theirs: Subject, rounds: int) -> tuple[list[float], list[float]]:
    """Three flags by two subjects that take turns, in this process; nanoseconds for each call."""
    turns = {
        name: block_ns(prepared(subject, size, 3)[0])
        for name, (subject, size) in (("ours", ours), ("theirs", theirs))
    }
    given = statistics.interleaved(turns, rounds, lambda: None)
    return given["ours"], given["theirs"]


def paired(
    case: str, ours: Subject, theirs: Subject, figure: str, context: Context
) -> Iterator[Outcome]:
    """The same in several processes, because how memory is laid out in one is chance."""
    mine: list[float] = []
    its: list[float] = []
    for _ in range(context.rounds(PROCESSES)):
        with machine.on_core(context.server_core):
            done = subprocess.run(
                [sys.executable, "-m", __name__, json.dumps([ours, theirs, BLOCKS])],
                check=True, cwd=ROOT, env=machine.plain_environ(), stdout=subprocess.PIPE,
            )  # fmt: skip
        blocks = json.loads(done.stdout)
        mine.extend(blocks[0])
        its.extend(blocks[1])
        context.step()
    labels = [f"{subject}, 3 of {size:,}" for subject, size in (ours, theirs)]
    yield statistics.compare(GROUP, case, labels[0], labels[1], mine, its, figure)


def paired_case(case: str, ours: Subject, theirs: Subject, figure: str) -> Case:
    return Case(case, partial(paired, case, ours, theirs, figure), PROCESSES)


CASES = (
    *micro.cases(GROUP, MICRO),
    paired_case("in turns: orjson", ("fastext", 100), ("orjson.dumps", 100), "select.orjson"),
    paired_case("in turns: growth", ("fastext", 10_000), ("fastext", 10), "select.growth"),
)

SELECT = Group(GROUP, "some flags out of a cached document", CASES)

if __name__ == "__main__":
    print(json.dumps(in_turns(*json.loads(sys.argv[1]))))
