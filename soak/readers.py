"""Callers of every sort, and whether each reply is right."""

import http.client
import json
import random
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping

from soak.documents import Documents, path_of

# Where Lambda sends an INVOKE every half second at the latest, and polls are a second apart, an
# answer that does not call itself stale is no older than this: Age counts whole seconds, a freeze
# and a poll may come in between.
OLDEST_S = 10

MALFORMED = (
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\nHost: a\n\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
)

_NUMBER = re.compile(rb'(?:{"first":{"enabled":true,"n":)?(\d+)')

Read = Callable[["Reader"], None]


class Reader(threading.Thread):
    """Reads at random from the extension at `port` until `ended`; `wrong` is told what is wrong.

    `counts` has the replies by what was asked and by status, `times_s` how long small hits took.
    """

    def __init__(
        self,
        port: int,
        documents: Documents,
        ended: threading.Event,
        wrong: Callable[[str], None],
        seed: int,
        *,
        invoked: bool,
    ) -> None:
        super().__init__(name=f"reader {seed}", daemon=True)
        self.counts: Counter[str] = Counter()
        self.times_s: list[float] = []
        self._port = port
        self._documents = documents
        self._ended = ended
        self._wrong = wrong
        self._random = random.Random(seed)
        self._invoked = invoked
        self._kept: http.client.HTTPConnection | None = None
        self._etags: dict[str, tuple[str, int]] = {}

    def run(self) -> None:
        kinds: list[tuple[int, Read]] = [
            (60, Reader.small), (10, Reader.whole), (10, Reader.flags), (6, Reader.variants),
            (4, Reader.conditional), (3, Reader.unknown), (2, Reader.malformed),
            (1, Reader.gone), (1, Reader.pipelined), (1, Reader.status),
        ]  # fmt: skip
        weights = [weight for weight, _ in kinds]
        while not self._ended.is_set():
            [(_, read)] = self._random.choices(kinds, weights)
            try:
                read(self)
            except Exception as fault:
                self._close()
                if not self._ended.is_set():
                    self._wrong(f"{read.__name__}: {type(fault).__name__}: {fault}")
        self._close()

    # -- kinds of reads

    def small(self) -> None:
        begun = time.perf_counter()
        self._document("small")
        self.times_s.append(time.perf_counter() - begun)

    def whole(self) -> None:
        self._document(self._random.choice(["hundred", "thousand", "large", "text"]))

    def flags(self) -> None:
        """The first and the last flag are of one version, and nothing else is in the reply."""
        name = self._random.choice(["small", "hundred", "thousand", "large"])
        self._versioned(name, "?flag=last&flag=first", {}, ["first", "last"])

    def variants(self) -> None:
        user, color = self._random.choice([("7", "red"), ("8", "blue"), ("", "blue")])
        context = {"Context": f"user={user}"} if user else {}
        query = "?flag=first&flag=color&flag=last"
        members = self._versioned("variants", query, context, ["first", "color", "last"])
        if members and members["color"] != {"_variant": color, "enabled": True}:
            self._wrong(f"variant {members['color']} for user {user!r}")

    def conditional(self) -> None:
        """304 says that the document is still the one that the caller has."""
        name = "thousand"
        floor, asked_at = self._documents.floor(name), time.monotonic()
        known = self._etags.get(name)
        fields = {"If-None-Match": known[0]} if known else {}
        status, answered, content = self._get(path_of(name), fields)
        if status == 304 and known:
            number = known[1]
        else:
            number = version_of(content)
            self._expect(status == 200, f"{name}: status {status}")
        self._etags[name] = (answered.get("etag", ""), number)
        self._check(name, number, floor, asked_at, answered)

    def unknown(self) -> None:
        path = self._random.choice([path_of("none"), path_of("small") + "?flag=none", "/", "/x/y"])
        status, _, content = self._get(path)
        right = 400 <= status < 600 and "Message" in json.loads(content)
        self._expect(right, f"{path}: status {status}: {content[:100]!r}")

    def malformed(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port), 20) as peer:
            peer.sendall(self._random.choice(MALFORMED))
            head = peer.recv(65536)
        self._expect(head.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")), f"{head[:60]!r}")

    def gone(self) -> None:
        """A caller that does not wait for its reply."""
        with socket.create_connection(("127.0.0.1", self._port), 20) as peer:
            request = f"GET {path_of('large')} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            peer.sendall(request[: self._random.randrange(len(request) + 1)])

    def pipelined(self) -> None:
        """Replies come in the order of the requests."""
        numbers = [self._random.choice(["ping", "none"]) for _ in range(8)]
        asked = "".join(f"GET /{name} HTTP/1.1\r\nHost: localhost\r\n\r\n" for name in numbers)
        with socket.create_connection(("127.0.0.1", self._port), 20) as peer:
            peer.sendall(asked.encode())
            stream = peer.makefile("rb")
            for name in numbers:
                line = stream.readline()
                self._expect((b" 200 " in line) == (name == "ping"), f"{name}: {line!r}")
                length = 0
                while (field := stream.readline()) not in (b"\r\n", b""):
                    if field.lower().startswith(b"content-length:"):
                        length = int(field.partition(b":")[2])
                stream.read(length)

    def status(self) -> None:
        status, _, content = self._get("/status")
        self._expect(status == 200 and "configurations" in json.loads(content), f"{content[:99]!r}")

    # -- one request

    def _document(self, name: str) -> None:
        floor, asked_at = self._documents.floor(name), time.monotonic()
        status, fields, content = self._get(path_of(name))
        if not self._expect(status == 200, f"{name}: status {status}: {content[:200]!r}"):
            return
        number = version_of(content)
        if content != self._documents.deployed[name].kind.content(number):
            self._wrong(f"{name}: torn, or never deployed: {content[:60]!r}...{content[-60:]!r}")
        self._check(name, number, floor, asked_at, fields)

    def _versioned(
        self, name: str, query: str, context: dict[str, str], flags: list[str]
    ) -> dict[str, dict[str, object]]:
        floor, asked_at = self._documents.floor(name), time.monotonic()
        status, fields, content = self._get(path_of(name) + query, context)
        if not self._expect(status == 200, f"{name}: status {status}: {content[:200]!r}"):
            return {}
        members: dict[str, dict[str, object]] = json.loads(content)
        first, last = members["first"]["n"], members["last"]["n"]
        self._expect(sorted(members) == sorted(flags), f"{name}: flags {sorted(members)}")
        self._expect(first == last, f"{name}: versions {first} and {last} in one reply")
        self._check(name, int(str(first)), floor, asked_at, fields)
        return members

    def _check(
        self, name: str, number: int, floor: int, asked_at: float, fields: Mapping[str, str]
    ) -> None:
        wrong = self._documents.check(name, number, floor, asked_at, fields)
        if not wrong and self._invoked and "fastext-stale" not in fields:
            age_s = int(fields["age"])
            wrong = f"Age {age_s} without Fastext-Stale" if age_s > OLDEST_S else ""
        self._expect(not wrong, f"{name}: {wrong}")

    def _get(
        self, target: str, fields: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, fields by lower-case name and content, on a connection that is kept or not."""
        closing = self._random.random() < 0.3
        if self._kept is None or closing:
            self._close()
            self._kept = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        self._kept.request("GET", target, headers={**(fields or {})} | (
            {"Connection": "close"} if closing else {}
        ))  # fmt: skip
        reply = self._kept.getresponse()
        answered = {name.lower(): value for name, value in reply.getheaders()}
        content = reply.read()
        if closing:
            self._close()
        self.counts[str(reply.status)] += 1
        return reply.status, answered, content

    def _close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _expect(self, right: bool, what: str) -> bool:
        if not right:
            self._wrong(what)
        return right


def version_of(content: bytes) -> int:
    """The number that a document begins with, or 0."""
    found = _NUMBER.match(content)
    return int(found[1]) if found else 0
