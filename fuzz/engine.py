"""Runs a target: over files, over mutations, or guided by coverage with atheris.

Atheris sees the branches of the modules in Python; the compiled ones it drives blindly, as the
plain mutations do. Neither is needed to replay an input.
"""

import hashlib
import importlib
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, cast

from fuzz import FOLDER
from fuzz.mutate import mutate

FINDINGS = FOLDER / "findings"

# libFuzzer's own words for an input that takes too long, in seconds.
SLOW_S = 10

# Guided inputs are mostly small changes of ours; now and then libFuzzer's own.
OWN_MUTATIONS = 0.8

# How many good mutations are kept to be mutated further.
POOL = 400


class Target(Protocol):
    WORDS: Sequence[bytes]

    def check(self, data: bytes) -> bool: ...


def target(name: str) -> Target:
    return cast("Target", importlib.import_module(f"fuzz.{name}"))


def files(folder: str, name: str) -> list[Path]:
    return sorted((FOLDER / folder / name).glob("*"))


def seeds(name: str) -> list[bytes]:
    found = [path.read_bytes() for kind in ("corpus", "regressions") for path in files(kind, name)]
    return found or [b""]


def plain(name: str, seed: int, inputs: int, until: float) -> tuple[int, int]:
    """Check mutations, so many or until that time: how many were checked, and how many good.

    They are the same ones for the same seed and files. What was good may be mutated further: what
    was not would lead away from all that is.
    """
    one, chosen = target(name), random.Random(seed)
    kept = seeds(name)
    found: list[bytes] = []
    count = good = 0
    while count != inputs and time.monotonic() < until:
        pool = found if found and chosen.random() < 0.5 else kept
        data = mutate(chosen.choice(pool), chosen, one.WORDS, kept)
        count += 1
        if reported(name, one.check, data):
            good += 1
            if len(found) < POOL:
                found.append(data)
            else:
                found[chosen.randrange(POOL)] = data
    return count, good


def reported(name: str, check: Callable[[bytes], bool], data: bytes) -> bool:
    """Check an input; one that fails is kept as a file before the failure goes on."""
    try:
        return check(data)
    except BaseException:
        folder = FINDINGS / name
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / hashlib.sha256(data).hexdigest()[:12]
        path.write_bytes(data)
        print(f"{name}: FAILED on {len(data)} bytes, kept as {path}", file=sys.stderr)
        raise


def guided(name: str, seconds: int, seed: int) -> None:
    """Fuzz with atheris; ends the process."""
    import atheris

    with atheris.instrument_imports(include=["fastext"]):
        one = target(name)
    own = FINDINGS / f"{name}-corpus"
    own.mkdir(parents=True, exist_ok=True)
    pool = seeds(name)

    def changed(data: bytes, max_size: int, number: int) -> bytes:
        chosen = random.Random(number)
        if chosen.random() < OWN_MUTATIONS:
            return mutate(data, chosen, one.WORDS, pool)[:max_size]
        return cast("bytes", atheris.Mutate(data, len(data) + 16))[:max_size]

    arguments = [
        name, str(own), *(str(FOLDER / kind / name) for kind in ("corpus", "regressions")),
        f"-max_total_time={seconds}", f"-seed={seed}", f"-timeout={SLOW_S}", "-max_len=8192",
        "-print_final_stats=1", "-verbosity=0", "-rss_limit_mb=1024",
        f"-artifact_prefix={FINDINGS}/{name}-",
    ]  # fmt: skip
    arguments[1:] = [item for item in arguments[1:] if item[0] == "-" or Path(item).is_dir()]

    def tried(data: bytes) -> None:
        reported(name, one.check, data)

    atheris.Setup(arguments, tried, custom_mutator=changed, internal_libfuzzer=True)
    atheris.Fuzz()
