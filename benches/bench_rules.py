"""Flags with variants: what their evaluation adds to a read, over loopback as in `wire`."""

import json
from collections.abc import Iterator
from functools import partial

from benches.harness import statistics
from benches.harness.documents import SMALL, UNIQUE, flag_name, request, target
from benches.harness.model import Outcome
from benches.harness.round_trips import ROUNDS, Subject, one
from benches.harness.servers import FASTEXT, NGINX, Server, WrongAnswer
from benches.harness.suite import Case, Context, Group

GROUP = "rules"

PLAIN = "plain"
WANTED = flag_name(0)


def with_context(text: bytes, context: bytes) -> bytes:
    """`text`, a request, with a Context field before its end."""
    return text[:-2] + b"Context: " + context + b"\r\n\r\n"


def asking(count: int, context: bytes, *, unique: bool = False) -> bytes:
    return with_context(request(target(f"variants-{count}", [WANTED]), unique=unique), context)


NEW_CONTEXT = b"country=FR,age=42,userId=u-" + UNIQUE
SAME_CONTEXT = b"country=FR,age=42,userId=u-1"


def check(server: Server) -> None:
    """Raises WrongAnswer unless the default and the plain flag come as they should."""
    server.check(target("variants-1", [PLAIN]), b'{"enabled":true,"color":"blue","limit":1}')
    for count in (1, 1000):
        chosen = json.loads(server.get(target(f"variants-{count}", [WANTED])))
        if chosen != {"_variant": "default", "enabled": False}:
            raise WrongAnswer(f"{server.name}: {chosen}")


def evaluation(case: str, context: Context) -> Iterator[Outcome]:
    """What an evaluation costs beyond a plain flag, measured by nginx's round trip."""
    servers, skips = context.available(GROUP, case, (FASTEXT, NGINX), f"bytes-{SMALL}")
    yield from skips
    fastext = context.servers.get(FASTEXT)
    check(fastext)
    core = context.server_core
    plain = request(target("variants-1", [PLAIN]), unique=True)
    subjects = {
        "5 rules, a new context": Subject(fastext, "keep", core, one(asking(1, NEW_CONTEXT))),
        "a plain flag, a new request": Subject(fastext, "keep", core, one(plain)),
        "the same context again": Subject(fastext, "keep", core, one(asking(1, SAME_CONTEXT))),
        "a plain flag again": Subject(
            fastext, "keep", core, one(request(target("variants-1", [PLAIN])))
        ),
        "one of 1,000, a new context": Subject(
            fastext, "keep", core, one(asking(1000, NEW_CONTEXT))
        ),
    }
    if NGINX in servers:
        small = one(request(target(f"bytes-{SMALL}")))
        subjects[NGINX] = Subject(servers[NGINX], "keep", core, small)
    turns = {name: subject.run for name, subject in subjects.items()}
    runs = statistics.interleaved(turns, context.rounds(ROUNDS), context.step)
    times = {name: [run.median_ns for run in given] for name, given in runs.items()}
    for name, values in times.items():
        yield statistics.measure(GROUP, case, name, "ns", values)
    new, plain_times = times["5 rules, a new context"], times["a plain flag, a new request"]
    if NGINX in times:
        added = [mine - its for mine, its in zip(new, plain_times, strict=True)]
        yield statistics.compare(
            GROUP, case, "what 5 rules add", NGINX, added, times[NGINX], "rules.new"
        )
    yield statistics.compare(
        GROUP, case, "the same context again", "a plain flag again",
        times["the same context again"], times["a plain flag again"], "rules.same",
    )  # fmt: skip
    yield statistics.compare(
        GROUP, case, "one of 1,000, a new context", "5 rules, a new context",
        times["one of 1,000, a new context"], new, "rules.many",
    )  # fmt: skip


CASE = "evaluation"
RULES = Group(
    GROUP,
    "flags with variants: a new context, the same again, one of many",
    (Case(CASE, partial(evaluation, CASE), ROUNDS),),
)
