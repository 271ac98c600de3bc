"""The figures to reach, in one table: what a run must show, and what it aims at.

A run in which one is missed fails. Ratios are medians of the ratios of paired, interleaved runs.
"""

from typing import NamedTuple


class Figure(NamedTuple):
    """`name` is what a `Comparison` refers to. `unit` is "" for ratios.

    `least_by` is for a ratio to another server that holds the kernel's share of a round trip
    fixed: it names the figure of fastext over epoll in C, so that a miss can say what that server
    has on the same machine.
    """

    name: str
    what: str
    must: float
    aim: float
    unit: str = ""
    more_is_better: bool = False
    least_by: str = ""


INSTRUCTIONS = (
    Figure("instructions.hit", "user instructions per request: hit, kept alive",
           6000, 4000),
    Figure("instructions.unseen", "user instructions per request: never seen before, kept alive",
           12000, 9000),
    Figure("instructions.close", "user instructions per request: hit, connection per request",
           4500, 3200),
)  # fmt: skip

WIRE = (
    Figure("wire.keep.nginx", "round trip, kept alive, 280 B, over nginx", 0.85, 0.72),
    Figure("wire.close.nginx", "round trip, connection per request, 280 B, over nginx",
           0.90, 0.80),
    Figure("wire.close.deferred",
           "round trip, connection per request, 280 B, over nginx with deferred accept",
           1.0, 0.92),
    Figure("wire.keep.epoll", "round trip, kept alive, 280 B, over epoll in C", 1.30, 1.10),
    Figure("wire.close.epoll", "round trip, connection per request, 280 B, over epoll in C",
           1.30, 1.10),
    Figure("wire.keep.uvicorn", "round trip, kept alive, 280 B, over uvicorn", 0.40, 0.29,
           least_by="wire.keep.epoll"),
    Figure("wire.close.uvicorn", "round trip, connection per request, 280 B, over uvicorn",
           0.40, 0.29, least_by="wire.close.epoll"),
    Figure("wire.cpu.nginx", "server CPU per request, kept alive, over nginx", 0.80, 0.62),
    Figure("wire.flags", "3 of 100 flags, over a whole document of the same size", 1.05, 1.00),
    Figure("wire.flags.unseen",
           "flags never seen before, over a whole document by a request never seen before",
           1.25, 1.1),
    Figure("wire.unseen.close.nginx",
           "request never seen before, connection per request, over nginx", 1.1, 0.89),
    Figure("wire.load.64k", "64 KB, requests per second over nginx", 0.95, 1.05,
           more_is_better=True),
    Figure("wire.load.1m", "1 MB, requests per second over nginx without sendfile", 1.3, 2.0,
           more_is_better=True),
)  # fmt: skip

RULES = (
    Figure("rules.new",
           "what a new context and 5 rules add to a plain flag, over nginx's round trip", 1.0, 0.3),
    Figure("rules.same", "the same context again, over a plain flag again", 1.05, 1.0),
    Figure("rules.many", "one flag of 1,000 with variants, over one of 1", 1.1, 1.02),
)  # fmt: skip

OTHERS = (
    Figure("client.urllib.nginx", "urllib as documented, over the same against nginx",
           0.95, 0.87),
    Figure("client.first", "first document in a function: urllib from fastext, over boto3",
           0.25, 0.18),
    Figure("select.orjson", "select 3 of 100 flags, over orjson.dumps of the same subset",
           0.35, 0.22),
    Figure("select.growth", "select 3 of 10,000 flags, over 3 of 10", 1.3, 1.05),
    Figure("refresh.stall", "longest stall of small reads while 2 MB of flags are replaced",
           8, 1, "ms"),
    Figure("poll.direct", "CPU of a poll that finds nothing new: direct, over plain botocore",
           0.15, 0.07),
    Figure("memory.idle", "RSS, nothing cached", 32, 26, "MB"),
    Figure("memory.document", "RSS for each cached 1 MB document", 1.15, 1.03, "MB"),
    Figure("memory.flags", "RSS for each cached 1 MB document that was asked for flags",
           6, 4, "MB"),
    Figure("start.direct.registered", "start to registered, direct, over a bare start",
           1.4, 1.15),
    Figure("start.direct.serving", "start to serving, direct, over a bare start", 9, 6.5),
    Figure("start.direct.prefetched", "start to prefetched, direct, over a bare start", 6.5, 4.5),
    Figure("start.botocore.registered", "start to registered, botocore, over a bare start",
           1.4, 1.15),
    Figure("start.botocore.serving", "start to serving, botocore, over a bare start", 8, 6.5),
    Figure("start.botocore.prefetched", "start to prefetched, botocore, over a bare start",
           20, 16),
    Figure("memory.direct", "RSS after prefetch of 10 KB, direct, over a bare interpreter",
           3.3, 2.8),
    Figure("memory.botocore", "RSS after prefetch of 10 KB, botocore, over a bare interpreter",
           4.5, 3.8),
    Figure("scale.connections", "round trip beside 1,000 open connections, over without", 1.3, 1.1),
    Figure("scale.slow", "p99 of a round trip beside 800 slow clients, over without", 2.0, 1.1),
    Figure("scale.configurations", "round trip beside 200 configurations, over beside 1",
           1.3, 1.05),
    Figure("scale.flags", "3 of 10,000 flags by HTTP, over 3 of 10", 1.3, 1.05),
    Figure("scale.bytes", "round trip of 2 MB, over twice that of 1 MB", 2.0, 1.3),
    Figure("scale.targets", "RSS after 100,000 distinct targets, over before", 1.5, 1.2),
    Figure("scale.load", "requests per second over 1,000 connections, over 16", 0.5, 0.8,
           more_is_better=True),
)  # fmt: skip

FIGURES = (*INSTRUCTIONS, *WIRE, *RULES, *OTHERS)
