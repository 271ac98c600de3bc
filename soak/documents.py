"""What is deployed, when, and whether a reply is one of it: whole, and no older than it says.

Each configuration has versions that are numbered from 1; a document has its number at its begin
and at its end, so that a torn one is seen.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fakes.appconfig import FakeAppConfig

APPLICATION, ENVIRONMENT = "shop", "production"

# How much older a document may be than its Age says: that is in whole seconds, a reply that is
# ready tells that of the last second, and the poll that brought it may have taken its time-out, or
# have been frozen in the middle.
POLL_TIMEOUT_S = 1.0
LONGEST_FREEZE_S = 2.0
TOLERANCE_S = 1.0 + 1.0 + POLL_TIMEOUT_S + LONGEST_FREEZE_S + 1.0


@dataclass(frozen=True)
class Kind:
    """A sort of document: its content by number, and its Content-Type."""

    content: Callable[[int], bytes]
    content_type: str = "application/json"
    flags: bool = True


def flags_of(number: int, count: int) -> bytes:
    flags: dict[str, object] = {"first": {"enabled": True, "n": number}}
    flags |= {f"flag{place}": {"enabled": place % 2 == 0, "n": number} for place in range(count)}
    flags["last"] = {"enabled": False, "n": number}
    return json.dumps(flags, separators=(",", ":")).encode()


def variants_of(number: int) -> bytes:
    variants = [
        {"name": "red", "enabled": True, "rule": '(eq $user "7")'},
        {"name": "blue", "enabled": True},
    ]
    members = {"first": {"enabled": True, "n": number}, "color": {"_variants": variants}}
    return json.dumps({**members, "last": {"enabled": False, "n": number}}).encode()


def text_of(number: int) -> bytes:
    return b"%d\n%b\n%d" % (number, b"abcdefgh" * (number % 4000), number)


KINDS = {
    "small": Kind(lambda number: flags_of(number, 3)),
    "hundred": Kind(lambda number: flags_of(number, 100)),
    "thousand": Kind(lambda number: flags_of(number, 1000)),
    "large": Kind(lambda number: flags_of(number, 40_000 + number % 7)),
    "variants": Kind(variants_of),
    "text": Kind(text_of, "text/plain", flags=False),
}


def path_of(profile: str) -> str:
    return f"/applications/{APPLICATION}/environments/{ENVIRONMENT}/configurations/{profile}"


@dataclass
class Deployed:
    """A configuration's history: contents, and when each was replaced, by the monotonic clock."""

    kind: Kind
    contents: list[bytes] = field(default_factory=list)
    replaced_at: list[float] = field(default_factory=list)
    served: int = 0  # the highest number that any reply had

    @property
    def number(self) -> int:
        return len(self.contents)


class Documents:
    """All configurations of the service. Threads may share it."""

    def __init__(self, service: FakeAppConfig) -> None:
        self._service = service
        self._lock = threading.Lock()
        self.deployed = {name: Deployed(kind) for name, kind in KINDS.items()}
        for name in KINDS:
            self.change(name)

    def change(self, name: str) -> None:
        """Deploy the next version of a configuration."""
        one = self.deployed[name]
        content = one.kind.content(one.number + 1)
        with self._lock:
            one.contents.append(content)
            if one.number >= 2:
                # Earlier contents are as easily made again.
                one.contents[-2] = b""
            self._service.deploy(APPLICATION, ENVIRONMENT, name, content, one.kind.content_type)
            one.replaced_at.append(float("inf"))
            if one.number >= 2:
                one.replaced_at[-2] = time.monotonic()

    def floor(self, name: str) -> int:
        """No reply to a request that begins now may have a lower number."""
        with self._lock:
            return self.deployed[name].served

    def check(
        self, name: str, number: int, floor: int, asked_at: float, fields: Mapping[str, str]
    ) -> str:
        """What is wrong with a reply that has the version `number`, or "".

        `floor` is of before the request, which began at `asked_at`.
        """
        one = self.deployed[name]
        with self._lock:
            if not 1 <= number <= one.number:
                return f"version {number} was never deployed"
            replaced_at = one.replaced_at[number - 1]
            one.served = max(one.served, number)
        if number < floor:
            return f"version {number} after version {floor} had been served"
        if "age" not in fields:
            return "no Age"
        if replaced_at < asked_at - int(fields["age"]) - TOLERANCE_S:
            return f"version {number} is {asked_at - replaced_at:.1f} s out, Age {fields['age']}"
        return ""
