"""What can go wrong on the way to AWS AppConfig, as values that `FakeAppConfig.fail` takes.

Each one takes the whole connection into its hands: `play(exchange)` sends what it sends.
"""

import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Exchange(Protocol):
    """One request and the connection that it came on."""

    connection: socket.socket
    closing: threading.Event

    def answer(self) -> bytes:
        """The answer that the service would give, processed now."""

    def close(self) -> None:
        """Close the connection at once."""


class Fault(Protocol):
    def play(self, exchange: Exchange) -> None: ...


@dataclass(frozen=True)
class Status:
    """An error answer in the shape of the service's own."""

    code: int
    error_type: str = "InternalServerException"
    body: Mapping[str, object] = field(default_factory=lambda: {"Message": "as you wish"})

    def play(self, exchange: Exchange) -> None:
        from fakes.appconfig import json_answer

        exchange.connection.sendall(
            json_answer(self.code, self.body, {"x-amzn-ErrorType": self.error_type + ":"})
        )


class Hang:
    """No answer at all, until the service is closed."""

    def play(self, exchange: Exchange) -> None:
        exchange.closing.wait()


@dataclass(frozen=True)
class HangAfter:
    """The first `size` bytes of the answer, then nothing more until the service is closed."""

    size: int

    def play(self, exchange: Exchange) -> None:
        exchange.connection.sendall(exchange.answer()[: self.size])
        exchange.closing.wait()


@dataclass(frozen=True)
class Drip:
    """The answer byte by byte, so that no time-out between two bytes ever fires."""

    interval_s: float = 0.05

    def play(self, exchange: Exchange) -> None:
        for byte in exchange.answer():
            try:
                exchange.connection.sendall(bytes([byte]))
            except OSError:
                return
            if exchange.closing.wait(self.interval_s):
                return


@dataclass(frozen=True)
class Gate:
    """The right answer, when the test opens the gate."""

    gate: threading.Event

    def play(self, exchange: Exchange) -> None:
        while not self.gate.wait(0.05) and not exchange.closing.is_set():
            pass
        exchange.connection.sendall(exchange.answer())


@dataclass(frozen=True)
class Reset:
    """A reset connection; with `processed`, after the service has taken the request in."""

    processed: bool = False

    def play(self, exchange: Exchange) -> None:
        if self.processed:
            exchange.answer()
        linger = struct.pack("ii", 1, 0)
        exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        exchange.close()


@dataclass(frozen=True)
class Truncate:
    """The answer but for its last `missing` bytes, then the end of the connection."""

    missing: int = 1

    def play(self, exchange: Exchange) -> None:
        exchange.connection.sendall(exchange.answer()[: -self.missing])
        exchange.close()


class CutHead:
    """The head up to the line with the content's length, then the end of the connection."""

    def play(self, exchange: Exchange) -> None:
        exchange.connection.sendall(exchange.answer().partition(b"Content-Length")[0])
        exchange.close()


@dataclass(frozen=True)
class Garbage:
    """Bytes that are no HTTP, then the end of the connection."""

    content: bytes = b"\x00\x01SSH-2.0-OpenSSH_9.2\r\n"

    def play(self, exchange: Exchange) -> None:
        exchange.connection.sendall(self.content)
        exchange.close()


@dataclass(frozen=True)
class Raw:
    """A complete answer of the test's own making; the request is not taken in."""

    content: bytes

    def play(self, exchange: Exchange) -> None:
        exchange.connection.sendall(self.content)


class AnswerAndClose:
    """The right answer without a word of closing, then a closed connection: a dead kept one."""

    def play(self, exchange: Exchange) -> None:
        exchange.connection.sendall(exchange.answer())
        exchange.close()
