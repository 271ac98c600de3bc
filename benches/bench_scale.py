"""Whether cost stays where it is when there is more of everything.

Cost may grow with the bytes that are sent, and not with connections, configurations, flags or
requests that have nothing to do with the one at hand.
"""

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from benches.bench_memory import kept_connections
from benches.harness import clients, statistics
from benches.harness.clients import Requests
from benches.harness.documents import (
    HUGE,
    KEY_PREFIX,
    SMALL,
    WANTED,
    flag_name,
    request,
    sized_document,
    target,
)
from benches.harness.model import Outcome
from benches.harness.round_trips import ROUNDS, Run, Subject, one, report
from benches.harness.servers import FASTEXT, Server
from benches.harness.suite import Case, Context, Group

GROUP = "scale"
MB = 2**20
CONNECTIONS = 1000
SLOW = 800
OPENED_WITHIN_S = 30.0
CONFIGURATIONS = 200
DISTINCT = 100_000
LOAD_ROUNDS = 7
LOAD_MS = 400
FEW = 16

SMALL_TARGET = target(f"bytes-{SMALL}")


def another(context: Context) -> Server:
    """A new fastext that serves the small document."""
    server = context.servers.fastext()
    server.check(SMALL_TARGET, context.servers.documents[f"bytes-{SMALL}"])
    return server


def small(server: Server, context: Context) -> Subject:
    return Subject(server, "keep", context.server_core, one(request(SMALL_TARGET)))


def beside_connections(case: str, context: Context) -> Iterator[Outcome]:
    """A small read while a thousand other connections are open."""
    quiet, busy = another(context), another(context)
    with kept_connections(busy, CONNECTIONS):
        alone = "no other connection"
        subjects = {"1,000 open connections": small(busy, context), alone: small(quiet, context)}
        yield from report(GROUP, case, subjects, context, {alone: "scale.connections"})


class BesideSlowClients(Subject):
    """In its runs alone they drip: both servers share a core, and the other is to have its own."""

    dripping: threading.Event

    def run(self) -> Run:
        self.dripping.set()
        try:
            return super().run()
        finally:
            self.dripping.clear()


def beside_slow_clients(case: str, context: Context) -> Iterator[Outcome]:
    """A small read while many others drip their requests, or do not read what they asked for."""
    quiet, busy = another(context), another(context)
    with slow_clients(busy, SLOW) as dripping:
        beside = BesideSlowClients(busy, "keep", context.server_core, one(request(SMALL_TARGET)))
        beside.dripping = dripping
        alone = "no other client"
        subjects = {"800 slow clients": beside, alone: small(quiet, context)}
        yield from report(GROUP, case, subjects, context, {f"p99 {alone}": "scale.slow"})


@contextlib.contextmanager
def slow_clients(server: Server, count: int) -> Iterator[threading.Event]:
    """So many clients that never come to an end; they drip while the event is set."""
    dripping, opened, ended = threading.Event(), threading.Event(), threading.Event()
    thread = threading.Thread(target=drip, args=(server.port, count, dripping, opened, ended))
    dripping.set()
    thread.start()
    try:
        if not opened.wait(OPENED_WITHIN_S):
            raise RuntimeError(f"{count} slow clients could not be opened")
        dripping.clear()
        yield dripping
    finally:
        dripping.set()
        ended.set()
        thread.join()


def drip(
    port: int,
    count: int,
    dripping: threading.Event,
    opened: threading.Event,
    ended: threading.Event,
) -> None:
    """Send a byte of one client every millisecond; who has been cut comes back."""
    whole = request(SMALL_TARGET)
    begun = (whole[:10], whole[:-2], b"POST" + whole[3:-2] + b"Content-Length: 60000\r\n\r\n",
             request(target(f"bytes-{HUGE}")))  # fmt: skip
    unread = len(begun) - 1
    with contextlib.ExitStack() as stack:
        peers: dict[int, socket.socket] = {}
        while True:
            for place in range(count):
                kind = place % len(begun)
                try:
                    if place not in peers:
                        peer = socket.create_connection(("127.0.0.1", port))
                        peers[place] = stack.enter_context(peer)
                        peer.sendall(begun[kind])
                    elif kind != unread:
                        peers[place].send(b"a")
                except OSError:
                    if place in peers:
                        peers.pop(place).close()
                dripping.wait()
                if ended.wait(0.001):
                    return
            opened.set()


def loaded(case: str, context: Context) -> Iterator[Outcome]:
    """Replies per second when a thousand connections ask at once."""
    server = another(context)
    with Requests([request(SMALL_TARGET)]) as requests:
        turns = {
            f"{count:,} connections": partial(
                clients.load, server.port, "keep", count, LOAD_MS, requests, context.other_core
            )
            for count in (CONNECTIONS, FEW)
        }
        given = statistics.interleaved(turns, context.rounds(LOAD_ROUNDS), context.step)
    rates = {name: [load.per_second for load in loads] for name, loads in given.items()}
    for name, values in rates.items():
        yield statistics.measure(GROUP, case, name, "requests/s", values)
    many, few = rates
    yield statistics.compare(GROUP, case, many, few, rates[many], rates[few], "scale.load")


def beside_configurations(case: str, context: Context) -> Iterator[Outcome]:
    """A small read from a cache of two hundred configurations."""
    few, many = another(context), another(context)
    content = sized_document(SMALL)
    before = many.rss_bytes()
    for number in range(CONFIGURATIONS - 1):
        context.servers.service.deploy(*KEY_PREFIX, f"other-{number}", content)
        many.check(target(f"other-{number}"), content)
    held = (many.rss_bytes() - before) / 1024 / CONFIGURATIONS
    yield statistics.measure(GROUP, f"{case}, memory of each", FASTEXT, "KB", [held])
    alone = "1 configuration"
    subjects = {f"{CONFIGURATIONS} configurations": small(many, context),
                alone: small(few, context)}  # fmt: skip
    yield from report(GROUP, case, subjects, context, {alone: "scale.configurations"})


def beside_flags(case: str, context: Context) -> Iterator[Outcome]:
    """Three flags that were never asked for together, of ten thousand and of a hundred."""
    server = context.servers.get(FASTEXT)
    server.check(target("flags-100", WANTED), context.servers.documents["subset"])
    server.check(target("flags-10000", WANTED), context.servers.documents["subset"])
    core, alone = context.server_core, "3 of 100"
    subjects = {
        "3 of 10,000": Subject(server, "keep", core, fresh_sets("flags-10000")),
        alone: Subject(server, "keep", core, fresh_sets("flags-100")),
    }
    yield from report(GROUP, case, subjects, context, {alone: "scale.flags"})


def fresh_sets(configuration: str) -> Callable[[int], Sequence[bytes]]:
    """Requests for three of the first hundred flags; a set hardly ever comes again."""
    generator = random.Random(3)
    names = [flag_name(number) for number in range(100)]

    def new_requests(count: int) -> Sequence[bytes]:
        return [request(target(configuration, generator.sample(names, 3))) for _ in range(count)]

    return new_requests


def large(case: str, context: Context) -> Iterator[Outcome]:
    """A document of 2 MB, beside two reads of one of 1 MB."""
    server = context.servers.get(FASTEXT)
    document = sized_document(2 * HUGE)
    context.servers.service.deploy(*KEY_PREFIX, "bytes-2m", document)
    server.check(target("bytes-2m"), document)
    core = context.server_core
    subjects = {
        "2 MB": Subject(server, "keep", core, one(request(target("bytes-2m")))),
        "1 MB": Subject(server, "keep", core, one(request(target(f"bytes-{HUGE}")))),
    }
    turns = {name: subject.run for name, subject in subjects.items()}
    runs = statistics.interleaved(turns, context.rounds(ROUNDS), context.step)
    times = {name: [run.median_ns for run in given] for name, given in runs.items()}
    for name, values in times.items():
        yield statistics.measure(GROUP, case, name, "ns", values)
    twice = [2 * each for each in times["1 MB"]]
    yield statistics.compare(GROUP, case, "2 MB", "1 MB twice", times["2 MB"], twice, "scale.bytes")


def distinct(case: str, context: Context) -> Iterator[Outcome]:
    """A hundred thousand targets, no two the same: what they leave in memory."""
    before, after = [], []
    for _ in range(context.rounds(5)):
        server = another(context)
        server.check(target("flags-100", WANTED), context.servers.documents["subset"])
        before.append(server.rss_bytes() / MB)
        with Requests(distinct_requests(DISTINCT)) as requests:
            clients.round_trips(server.port, "keep", DISTINCT, requests, context.server_core)
        after.append(server.rss_bytes() / MB)
        server.stop()
        context.step()
    yield statistics.measure(GROUP, case, "before", "MB", before)
    yield statistics.measure(GROUP, case, "after", "MB", after)
    yield statistics.compare(GROUP, case, "after", "before", after, before, "scale.targets")


def distinct_requests(count: int) -> list[bytes]:
    """Requests whose lines differ: two flags, and a parameter that is no flag."""
    path = target("flags-100", WANTED[:2])
    return [request(f"{path}&n={number}") for number in range(count)]


CASES = (
    Case("1,000 open connections", partial(beside_connections, "1,000 open connections"), ROUNDS),
    Case("800 slow clients", partial(beside_slow_clients, "800 slow clients"), ROUNDS),
    Case("1,000 clients", partial(loaded, "1,000 clients"), LOAD_ROUNDS, needs_two_cores=True),
    Case("200 configurations", partial(beside_configurations, "200 configurations"), ROUNDS),
    Case("10,000 flags", partial(beside_flags, "10,000 flags"), ROUNDS),
    Case("2 MB", partial(large, "2 MB"), ROUNDS),
    Case("100,000 distinct targets", partial(distinct, "100,000 distinct targets"), 5),
)

SCALE = Group(GROUP, "the same with more of everything", CASES)
