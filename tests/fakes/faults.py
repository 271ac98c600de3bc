"""What can go wrong on the way to AWS AppConfig, as values that `FakeAppConfig.fail` takes.

Each one takes the whole answer into its hands: `play(exchange)` sends what it sends.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from fakes.answers import error_answer

# Where a fault sets in: counted from the status line, or from the content.
Part = Literal["head", "body"]


class Exchange(Protocol):
    """One request and the connection that it came on."""

    closing: threading.Event

    def answer(self) -> bytes:
        """The answer that the service would give, processed now."""

    def send(self, content: bytes) -> None: ...

    def hold(self, gate: threading.Event | None = None) -> bool:
        """Wait for `gate`, or for the service's `release`; False if it is the end that comes."""

    def close(self) -> None:
        """Close the connection at once."""

    def reset(self) -> None:
        """Close the connection with RST."""


class Fault(Protocol):
    def play(self, exchange: Exchange) -> None: ...


@dataclass(frozen=True)
class Status:
    """An error answer in the shape of the service's own; `fields` go on top."""

    code: int
    error_type: str = "InternalServerException"
    body: Mapping[str, object] = field(default_factory=lambda: {"Message": "as you wish"})
    fields: Mapping[str, str] = field(default_factory=dict)

    def play(self, exchange: Exchange) -> None:
        exchange.send(error_answer(self.code, self.error_type, self.body, self.fields))


class Hang:
    """No answer at all, and the request not taken in, until the service's `release`."""

    def play(self, exchange: Exchange) -> None:
        if exchange.hold():
            exchange.send(exchange.answer())


@dataclass(frozen=True)
class HangAfter:
    """The answer's first `size` bytes, the rest at the service's `release`."""

    size: int
    part: Part = "head"

    def play(self, exchange: Exchange) -> None:
        answer = exchange.answer()
        size = self.size + (_head_bytes(answer) if self.part == "body" else 0)
        exchange.send(answer[:size])
        if exchange.hold():
            exchange.send(answer[size:])


@dataclass(frozen=True)
class Drip:
    """An answer that never ends, byte by byte, so that no time-out between two bytes fires.

    With `body` the head comes at once, and announces more content than will ever come.
    """

    interval_s: float = 0.05
    part: Part = "head"

    def play(self, exchange: Exchange) -> None:
        answer = exchange.answer()
        if self.part == "body":
            head = answer[: _head_bytes(answer)]
            exchange.send(_with_fields(head, {"Content-Length": b"1000000000"}))
            dripping = answer[len(head) :]
        else:
            dripping = answer[: _head_bytes(answer) - len(b"\r\n")] + b"X-Drip: "
        for byte in dripping:
            exchange.send(bytes([byte]))
            if exchange.closing.wait(self.interval_s):
                return
        while not exchange.closing.wait(self.interval_s):
            exchange.send(b".")


@dataclass(frozen=True)
class Gate:
    """The right answer, processed when the test opens the gate; leaving the service opens it."""

    gate: threading.Event

    def play(self, exchange: Exchange) -> None:
        if exchange.hold(self.gate):
            exchange.send(exchange.answer())


@dataclass(frozen=True)
class Reset:
    """A reset connection; with `processed`, after the service has taken the request in."""

    processed: bool = False

    def play(self, exchange: Exchange) -> None:
        if self.processed:
            exchange.answer()
        exchange.reset()


@dataclass(frozen=True)
class Truncate:
    """The answer but for its last `missing` bytes, then the end of the connection."""

    missing: int = 1

    def play(self, exchange: Exchange) -> None:
        exchange.send(exchange.answer()[: -self.missing])
        exchange.close()


class CutHead:
    """The head up to the line with the content's length, then the end of the connection."""

    def play(self, exchange: Exchange) -> None:
        exchange.send(exchange.answer().partition(b"Content-Length")[0])
        exchange.close()


@dataclass(frozen=True)
class Garbage:
    """Bytes that are no HTTP, then the end of the connection."""

    content: bytes = b"\x00\x01SSH-2.0-OpenSSH_9.2\r\n"

    def play(self, exchange: Exchange) -> None:
        exchange.send(self.content)
        exchange.close()


@dataclass(frozen=True)
class Raw:
    """A complete answer of the test's own making; the request is not taken in."""

    content: bytes

    def play(self, exchange: Exchange) -> None:
        exchange.send(self.content)


@dataclass(frozen=True)
class WithFields:
    """The right answer with these header fields instead of its own; None removes one.

    Values go out as they are: what no server should send is what some proxy sends.
    """

    fields: Mapping[str, bytes | None]

    def play(self, exchange: Exchange) -> None:
        exchange.send(_with_fields(exchange.answer(), self.fields))


class AnswerAndClose:
    """The right answer without a word of closing, then a closed connection: a dead kept one."""

    def play(self, exchange: Exchange) -> None:
        exchange.send(exchange.answer())
        exchange.close()


def _head_bytes(answer: bytes) -> int:
    """The size of the head, its empty line included."""
    return answer.index(b"\r\n\r\n") + len(b"\r\n\r\n")


def _with_fields(answer: bytes, fields: Mapping[str, bytes | None]) -> bytes:
    head, _, content = answer.partition(b"\r\n\r\n")
    replaced = {name.lower().encode() for name in fields}
    lines = [
        line for line in head.split(b"\r\n") if line.partition(b":")[0].lower() not in replaced
    ]
    lines += [b"%b: %b" % (name.encode(), value) for name, value in fields.items()
              if value is not None]  # fmt: skip
    return b"\r\n".join(lines) + b"\r\n\r\n" + content
