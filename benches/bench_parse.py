"""`fastext._parse` against the plain-Python oracle that its tests trust.

Every answer is checked before anything is timed; the last table shows how many times faster the
compiled core is than the oracle, measured in the same run.

    .venv/bin/python benches/bench_parse.py [pyperf's options, such as --fast or -o FILE]
"""

import json
import sys
from pathlib import Path

import pyperf

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import oracle  # noqa: E402

from fastext import _parse  # noqa: E402

BASE = b"/applications/my_application/environments/production/configurations/feature_flags"

TARGETS = {
    "plain": BASE,
    "encoded": b"/applications/web%20shop%2Feu/environments/prod%2C1/configurations/fl%C3%A4gs",
    "1 flag": BASE + b"?flag=flag_001",
    "3 flags": BASE + b"?flag=flag_001&flag=flag_050&flag=flag_099",
    "50 flags": BASE + b"?" + b"&".join(b"flag=flag_%03d" % number for number in range(50)),
}

FLAG = {"enabled": True, "rollout": 25, "variants": ["control", "treatment"], "owner": "team-a"}
DOCUMENTS = {
    size: json.dumps({f"flag_{number:03d}": FLAG for number in range(size)}).encode()
    for size in (10, 100, 1000)
}
WANTED = ("flag_001", "flag_005", "flag_009")


def check() -> None:
    """The two agree on everything that is going to be timed."""
    for target in TARGETS.values():
        route = _parse.parse_target(target)
        assert (route.key, route.flags) == oracle.parse_target(target)
    for content in DOCUMENTS.values():
        index = _parse.index_flags(content)
        assert index is not None
        subset = json.loads(_parse.select_flags(index, WANTED))
        assert subset == oracle.select_flags(content, WANTED)


def main() -> None:
    check()
    runner = pyperf.Runner()
    pairs = []
    for name, target in TARGETS.items():
        pairs.append(
            (
                runner.bench_func(f"parse {name}: core", _parse.parse_target, target),
                runner.bench_func(f"parse {name}: oracle", oracle.parse_target, target),
            )
        )
    for size, content in DOCUMENTS.items():
        index = _parse.index_flags(content)
        pairs.append(
            (
                runner.bench_func(f"select 3 of {size}: core", _parse.select_flags, index, WANTED),
                runner.bench_func(
                    f"select 3 of {size}: oracle", oracle.select_flags, content, WANTED
                ),
            )
        )
    if runner.args.worker:
        return
    print(f"\n{'case':<18}{'core':>12}{'oracle':>12}{'times faster':>14}")
    for core, plain in pairs:
        if core is None or plain is None:
            continue
        name = core.get_name().removesuffix(": core")
        fast, slow = core.median(), plain.median()
        print(f"{name:<18}{fast * 1e9:>9.0f} ns{slow * 1e9:>9.0f} ns{slow / fast:>14.1f}")


if __name__ == "__main__":
    main()
