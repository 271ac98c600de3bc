"""Requests over loopback: round trips, throughput and server CPU, beside other servers.

Round trips are timed by the client in C on the server's own core, because a wake-up across the
cores of a virtual machine costs more than client and server together. Throughput has the load
generator on the other core.
"""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from benches.harness import clients, statistics
from benches.harness.clients import Requests
from benches.harness.documents import (
    HUGE,
    LARGE,
    MEDIUM,
    SIZES,
    SMALL,
    WANTED,
    flag_name,
    request,
    target,
)
from benches.harness.model import Outcome
from benches.harness.round_trips import ROUNDS, Subject, one, report
from benches.harness.servers import (
    AIOHTTP,
    EPOLL,
    FASTEXT,
    GRANIAN,
    NGINX,
    NGINX_DEFERRED,
    NGINX_NO_SENDFILE,
    UVICORN,
)
from benches.harness.suite import Case, Context, Group

GROUP = "wire"
EVERYBODY = (FASTEXT, NGINX, NGINX_DEFERRED, EPOLL, UVICORN, GRANIAN, AIOHTTP)

LOAD_ROUNDS = 11
LOAD_MS = 250


def round_trips(
    case: str,
    document: str,
    names: Sequence[str],
    mode: str,
    figures: Mapping[str, str],
    context: Context,
    *,
    unique: bool = False,
    announced: bool = True,
) -> Iterator[Outcome]:
    """One document from several servers; an end that is not `announced` is seen when it comes."""
    wanted = target(document)
    text = request(wanted, close=mode == "close" and announced, unique=unique)
    servers, skips = context.available(GROUP, case, names, document)
    yield from skips
    subjects = {}
    for name, server in servers.items():
        server.check(wanted, context.servers.documents[document])
        subjects[name] = Subject(server, mode, context.server_core, one(text))
    yield from report(GROUP, case, subjects, context, figures)


def round_trip_case(
    case: str,
    document: str,
    names: Sequence[str],
    mode: str,
    figures: Mapping[str, str] | None = None,
    *,
    unique: bool = False,
    announced: bool = True,
) -> Case:
    run = partial(
        round_trips, case, document, names, mode, figures or {}, unique=unique, announced=announced
    )
    return Case(case, run, ROUNDS)


def known_flags(case: str, context: Context) -> Iterator[Outcome]:
    """Three of a hundred flags beside the document that holds just these three."""
    server = context.servers.get(FASTEXT)
    selection, whole = target("flags-100", WANTED), target("subset")
    content = context.servers.documents["subset"]
    server.check(selection, content)
    server.check(whole, content)
    subjects = {
        "3 of 100 flags": Subject(server, "keep", context.server_core, one(request(selection))),
        "the same as a document": Subject(server, "keep", context.server_core, one(request(whole))),
    }
    yield from report(GROUP, case, subjects, context, {"the same as a document": "wire.flags"})


def unseen_flags(case: str, context: Context) -> Iterator[Outcome]:
    """Sets of flags that were never asked for, beside requests that were never seen."""
    server = context.servers.get(FASTEXT)
    server.check(target("flags-100", WANTED), context.servers.documents["subset"])
    names = [flag_name(number) for number in range(100)]
    choices = list(itertools.permutations(names, 3))
    random.Random(1).shuffle(choices)  # each in its own order, none twice
    fresh = iter(choices)

    def new_sets(count: int) -> Sequence[bytes]:
        return [request(target("flags-100", chosen)) for chosen in itertools.islice(fresh, count)]

    core = context.server_core
    whole = one(request(target("subset"), unique=True))
    subjects = {
        "3 of 100 flags, a new set": Subject(server, "keep", core, new_sets),
        "a document, a new request": Subject(server, "keep", core, whole),
    }
    yield from report(
        GROUP, case, subjects, context, {"a document, a new request": "wire.flags.unseen"}
    )


def throughput(
    case: str,
    document: str,
    names: Sequence[str],
    mode: str,
    connections: int,
    figures: Mapping[str, str],
    context: Context,
) -> Iterator[Outcome]:
    """Replies per second over many connections; the ratio is fastext over the others."""
    wanted = target(document)
    servers, skips = context.available(GROUP, case, names, document)
    yield from skips
    with Requests([request(wanted, close=mode == "close")]) as requests:
        turns = {}
        for name, server in servers.items():
            server.check(wanted, context.servers.documents[document])
            turns[name] = partial(
                clients.load, server.port, mode, connections, LOAD_MS, requests, context.other_core
            )
            turns[name]()
        given = statistics.interleaved(turns, context.rounds(LOAD_ROUNDS), context.step)
    rates = {name: [each.per_second for each in loads] for name, loads in given.items()}
    for name, loads in given.items():
        yield statistics.measure(GROUP, case, name, "requests/s", rates[name])
        p99s = [each.p99_ns for each in loads]
        yield statistics.measure(GROUP, f"{case}, p99", name, "ns", p99s)
        if name != FASTEXT:
            yield statistics.compare(
                GROUP, case, FASTEXT, name, rates[FASTEXT], rates[name], figures.get(name, "")
            )


def throughput_case(
    size: int,
    connections: int,
    names: Sequence[str],
    figures: Mapping[str, str] | None = None,
    mode: str = "keep",
) -> Case:
    clients_text = "1 client" if connections == 1 else f"{connections} clients"
    how = "" if mode == "keep" else ", connection per request"
    case = f"load {SIZES[size]}, {clients_text}{how}"
    run = partial(throughput, case, f"bytes-{size}", names, mode, connections, figures or {})
    return Case(case, run, LOAD_ROUNDS, needs_two_cores=True)


BOTH = (FASTEXT, NGINX)
C_TOO = (FASTEXT, NGINX, EPOLL)

CASES = (
    round_trip_case(
        "kept alive, 280 B", f"bytes-{SMALL}", EVERYBODY, "keep",
        {NGINX: "wire.keep.nginx", EPOLL: "wire.keep.epoll", UVICORN: "wire.keep.uvicorn",
         f"server CPU {NGINX}": "wire.cpu.nginx"},
    ),
    round_trip_case(
        "connection per request, 280 B", f"bytes-{SMALL}", EVERYBODY, "close",
        {NGINX: "wire.close.nginx", NGINX_DEFERRED: "wire.close.deferred",
         EPOLL: "wire.close.epoll", UVICORN: "wire.close.uvicorn"},
    ),
    round_trip_case(
        "connection per request, unannounced, 280 B", f"bytes-{SMALL}",
        (FASTEXT, NGINX, NGINX_DEFERRED, EPOLL), "close", announced=False,
    ),
    round_trip_case("kept alive, never seen, 280 B", f"bytes-{SMALL}", C_TOO, "keep", unique=True),
    round_trip_case(
        "connection per request, never seen, 280 B", f"bytes-{SMALL}", C_TOO, "close",
        {NGINX: "wire.unseen.close.nginx"}, unique=True,
    ),
    round_trip_case("kept alive, 4 KB", f"bytes-{MEDIUM}", C_TOO, "keep"),
    round_trip_case("connection per request, 4 KB", f"bytes-{MEDIUM}", C_TOO, "close"),
    round_trip_case("kept alive, 64 KB", f"bytes-{LARGE}", BOTH, "keep"),
    round_trip_case("connection per request, 64 KB", f"bytes-{LARGE}", BOTH, "close"),
    round_trip_case("kept alive, 1 MB", f"bytes-{HUGE}", (FASTEXT, NGINX_NO_SENDFILE), "keep"),
    round_trip_case(
        "connection per request, 1 MB", f"bytes-{HUGE}", (FASTEXT, NGINX_NO_SENDFILE), "close"
    ),
    Case("3 of 100 flags", partial(known_flags, "3 of 100 flags"), ROUNDS),
    Case("3 of 100 flags, never seen", partial(unseen_flags, "3 of 100 flags, never seen"),
         ROUNDS),
    throughput_case(SMALL, 16, (FASTEXT, NGINX, UVICORN)),
    throughput_case(SMALL, 64, (FASTEXT, NGINX)),
    throughput_case(SMALL, 16, C_TOO, mode="close"),
    throughput_case(MEDIUM, 16, BOTH),
    throughput_case(MEDIUM, 16, BOTH, mode="close"),
    throughput_case(LARGE, 1, BOTH),
    throughput_case(LARGE, 16, BOTH, {NGINX: "wire.load.64k"}),
    throughput_case(LARGE, 16, BOTH, mode="close"),
    throughput_case(HUGE, 1, (FASTEXT, NGINX_NO_SENDFILE)),
    throughput_case(HUGE, 16, (FASTEXT, NGINX_NO_SENDFILE), {NGINX_NO_SENDFILE: "wire.load.1m"}),
)  # fmt: skip

WIRE = Group(GROUP, "round trips, throughput and server CPU over loopback", CASES)
