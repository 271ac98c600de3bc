"""Resident memory: idle, after the first document, per document, per connection, per request."""

import contextlib
import random
import socket
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from benches.bench_startup import (
    BARE,
    CLIENTS,
    CONFIGURATION,
    DOCUMENT_BYTES,
    bare_rss_bytes,
    start,
)
from benches.harness import build, clients, statistics
from benches.harness.clients import Requests
from benches.harness.documents import (
    HUGE,
    KEY_PREFIX,
    SMALL,
    WANTED,
    flag_name,
    request,
    sized_document,
    subset,
    target,
)
from benches.harness.model import Outcome
from benches.harness.servers import Server
from benches.harness.suite import Case, Context, Group
from benches.harness.upstream import secure_app_config

GROUP = "memory"
MB = 2**20
ROUNDS = 5
DOCUMENTS = 10
CONNECTIONS = 800
DISTINCT = 10_000


def idle(case: str, context: Context) -> Iterator[Outcome]:
    """Registered, serving and waiting for an event, with nothing cached."""
    package, values = build.installed(), []
    with secure_app_config() as (service, bundle):
        for _ in range(context.rounds(ROUNDS)):
            begun = start(package.bare, "direct", service, bundle, context.server_core,
                          prefetch=False)  # fmt: skip
            values.append(begun.rss_bytes / MB)
            context.step()
    yield statistics.measure(GROUP, case, "fastext", "MB", values)
    yield statistics.absolute(GROUP, case, "fastext", values, "memory.idle")


def after_prefetch(case: str, context: Context) -> Iterator[Outcome]:
    """One document of 10 KB prefetched, by each data client, over a bare interpreter."""
    package, core = build.installed(), context.server_core
    with secure_app_config() as (service, bundle):
        service.deploy(*KEY_PREFIX, CONFIGURATION, sized_document(DOCUMENT_BYTES))
        turns: dict[str, Callable[[], float]] = {BARE: lambda: bare_rss_bytes(core) / MB}
        for client in CLIENTS:
            begun = partial(start, package.bare, client, service, bundle, core)
            turns[client] = lambda begun=begun: begun().rss_bytes / MB  # type: ignore[misc]
        given = statistics.interleaved(turns, context.rounds(ROUNDS), context.step)
    for name, values in given.items():
        yield statistics.measure(GROUP, case, name, "MB", values)
        if name != BARE:
            yield statistics.compare(GROUP, case, name, BARE, values, given[BARE], f"memory.{name}")


def per_document(case: str, context: Context) -> Iterator[Outcome]:
    """What a cached document of 1 MB holds, before and after it is asked for flags."""
    document = sized_document(HUGE)
    chosen = subset(document, WANTED)
    opaque, read = [], []
    for number in range(context.rounds(ROUNDS)):
        server = context.servers.fastext()
        server.get("/ping")
        context.servers.service.deploy(*KEY_PREFIX, "warm", b"{}")
        server.get(target("warm"))  # whatever the first retrieval loads is no part of a document
        names = [f"large-{number}-{each}" for each in range(DOCUMENTS)]
        for name in names:
            context.servers.service.deploy(*KEY_PREFIX, name, document)
        before = server.rss_bytes()
        for name in names:
            server.check(target(name), document)
        without = server.rss_bytes()
        for name in names:
            server.check(target(name, WANTED), chosen)
        opaque.append((without - before) / MB / DOCUMENTS)
        read.append((server.rss_bytes() - before) / MB / DOCUMENTS)
        server.stop()
        context.step()
    for what, values, figure in (
        ("fastext", opaque, "memory.document"),
        ("fastext, asked for flags", read, "memory.flags"),
    ):
        yield statistics.measure(GROUP, case, what, "MB", values)
        yield statistics.absolute(GROUP, case, what, values, figure)


def per_connection(case: str, context: Context) -> Iterator[Outcome]:
    """What a kept connection holds, after one request."""
    values = []
    for _ in range(context.rounds(ROUNDS)):
        server = serving_small(context)
        before = server.rss_bytes()
        with kept_connections(server, CONNECTIONS):
            values.append((server.rss_bytes() - before) / 1024 / CONNECTIONS)
        server.stop()
        context.step()
    yield statistics.measure(GROUP, case, "fastext", "KB", values)


def per_request(
    case: str, new_requests: Callable[[], Sequence[bytes]], context: Context
) -> Iterator[Outcome]:
    """What ten thousand requests leave behind of which no two are the same."""
    values = []
    for _ in range(context.rounds(ROUNDS)):
        server = serving_small(context)
        server.check(target("flags-100", WANTED), context.servers.documents["subset"])
        before = server.rss_bytes()
        with Requests(new_requests()) as requests:
            clients.round_trips(server.port, "keep", DISTINCT, requests, context.server_core)
        values.append((server.rss_bytes() - before) / MB)
        server.stop()
        context.step()
    yield statistics.measure(GROUP, case, "fastext", "MB", values)


def serving_small(context: Context) -> Server:
    """A new fastext that has served its first small document a few times."""
    server = context.servers.fastext()
    name = f"bytes-{SMALL}"
    for _ in range(3):
        server.check(target(name), context.servers.documents[name])
    return server


@contextlib.contextmanager
def kept_connections(server: Server, count: int) -> Iterator[None]:
    """So many open connections, each of which has had its first reply."""
    text = request(target(f"bytes-{SMALL}"))
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            peer = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            peer.sendall(text)
            assert peer.recv(65536).startswith(b"HTTP/1.1 200 ")
        yield


def distinct_headers() -> Sequence[bytes]:
    return [request(target(f"bytes-{SMALL}"), unique=True)]


def distinct_targets() -> Sequence[bytes]:
    return [request(each) for each in flag_targets(DISTINCT)]


def flag_targets(count: int) -> list[str]:
    """Targets that ask for three of a hundred flags each, no two the same."""
    chosen: dict[str, None] = {}
    generator = random.Random(2)
    names = [flag_name(number) for number in range(100)]
    while len(chosen) < count:
        chosen[target("flags-100", generator.sample(names, 3))] = None
    return list(chosen)


CASES = (
    Case("idle", partial(idle, "idle"), ROUNDS),
    Case("after prefetch", partial(after_prefetch, "after prefetch"), ROUNDS),
    Case("per document of 1 MB", partial(per_document, "per document of 1 MB"), ROUNDS),
    Case("per connection", partial(per_connection, "per connection"), ROUNDS),
    Case("10,000 distinct requests",
         partial(per_request, "10,000 distinct requests", distinct_headers), ROUNDS),
    Case("10,000 distinct targets",
         partial(per_request, "10,000 distinct targets", distinct_targets), ROUNDS),
)  # fmt: skip

MEMORY = Group(GROUP, "resident memory of the process", CASES)
