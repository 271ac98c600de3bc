"""Reading request targets: the compiled core beside the plain-Python oracle of its tests."""

from collections.abc import Callable
from functools import partial

import oracle

from benches.harness import micro
from benches.harness.micro import Micro
from benches.harness.suite import Group
from fastext._parse import Route, parse_target

GROUP = "parse"
BASE = b"/applications/my_application/environments/production/configurations/feature_flags"

TARGETS = {
    "plain": BASE,
    "encoded": b"/applications/web%20shop%2Feu/environments/prod%2C1/configurations/fl%C3%A4gs",
    "1 flag": BASE + b"?flag=flag_001",
    "3 flags": BASE + b"?flag=flag_001&flag=flag_050&flag=flag_099",
    "50 flags": BASE + b"?" + b"&".join(b"flag=flag_%03d" % number for number in range(50)),
}

Prepared = tuple[Callable[[bytes], object], tuple[bytes]]


def core(target: bytes) -> Prepared:
    route: Route = parse_target(target)
    assert (route.key, route.flags) == oracle.parse_target(target)
    return parse_target, (target,)


def plain_python(target: bytes) -> Prepared:
    return oracle.parse_target, (target,)


MICRO = [
    Micro(case, subject, partial(prepare, target))
    for case, target in TARGETS.items()
    for subject, prepare in (("fastext", core), ("plain Python", plain_python))
]

PARSE = Group(GROUP, "a request target to what it asks for", micro.cases(GROUP, MICRO))
