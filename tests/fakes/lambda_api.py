"""The Lambda Extensions API on loopback, for one extension, under the test's control.

Rules and error types are those of AWS's Runtime Interface Emulator, whose source is public; it
runs the real thing in `test_emulator.py`. Everything that a test waits for is an event here.
"""

import contextlib
import json
import socket
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from fakes.appconfig import http_answer, json_answer

IDENTIFIER = "4b7cbbd4-6f0c-4e5f-9f4e-1a2b3c4d5e6f"
PREFIX = "/2020-01-01/extension/"


@dataclass(frozen=True)
class Registration:
    name: str
    events: tuple[str, ...]


class Drop:
    """Instead of an answer: the connection is closed."""


class FakeLambdaApi:
    """The API, from entering the context to leaving it, at `address` (host:port).

    `managed_instances` refuses INVOKE, as Lambda Managed Instances do.
    """

    def __init__(self, *, managed_instances: bool = False) -> None:
        self.managed_instances = managed_instances
        self.registration: Registration | None = None
        self.reports: list[tuple[str, Mapping[str, str], bytes]] = []
        self.nexts = 0
        self._changed = threading.Condition()
        self._events: deque[bytes | type[Drop]] = deque()
        self._register_answers: deque[bytes | type[Drop] | threading.Event] = deque()
        self._waiting = 0
        self._closing = False
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listening.getsockname()[1]

    def __enter__(self) -> "FakeLambdaApi":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    # -- what tests do to it

    def wait_registered(self, timeout_s: float = 20.0) -> Registration:
        self._wait(lambda: self.registration is not None, timeout_s, "register")
        assert self.registration is not None
        return self.registration

    def wait_next(self, count: int, timeout_s: float = 20.0) -> None:
        """Return when event/next has been called `count` times in all."""
        self._wait(lambda: self.nexts >= count, timeout_s, f"next call {count}")

    def invoke(self, request_id: str = "3f1c") -> None:
        event = {
            "eventType": "INVOKE",
            "deadlineMs": 1893456000000,
            "requestId": request_id,
            "invokedFunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:f",
        }
        fields = {"Content-Type": "application/json", "Lambda-Extension-Event-Identifier": "e"}
        self.answer_next(json_answer(200, event, fields))

    def shutdown(self, reason: str = "spindown") -> None:
        event = {"eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": 1893456000000}
        self.answer_next(http_answer(200, json.dumps(event).encode(), {}))

    def answer_next(self, answer: bytes | type[Drop]) -> None:
        """Give `answer` to the call of next that waits, or to the one that comes."""
        with self._changed:
            self._events.append(answer)
            self._changed.notify_all()

    def answer_register(self, *answers: bytes | type[Drop] | threading.Event) -> None:
        """Give these to the next registrations; an Event holds the right answer until it is set."""
        with self._changed:
            self._register_answers.extend(answers)

    def _wait(self, condition, timeout_s: float, what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, timeout_s):
                raise TimeoutError(what)

    # -- the API

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection:
            stream = connection.makefile("rb")
            while line := stream.readline():
                method, path, _ = line.decode("latin-1").split(" ")
                fields = {}
                while (line := stream.readline().rstrip(b"\r\n")) != b"":
                    name, _, value = line.decode("latin-1").partition(":")
                    fields[name.lower()] = value.strip()
                body = stream.read(int(fields.get("content-length", 0)))
                answer = self._answer(method, path.removeprefix(PREFIX), fields, body)
                if answer is Drop:
                    return
                connection.sendall(answer)

    def _answer(
        self, method: str, path: str, fields: Mapping[str, str], body: bytes
    ) -> bytes | type[Drop]:
        if (method, path) == ("POST", "register"):
            return self._register(fields, body)
        if fields.get("lambda-extension-identifier") != IDENTIFIER:
            return refused("Extension.UnknownExtensionIdentifier", "unknown extension")
        if (method, path) == ("GET", "event/next"):
            return self._next()
        if method == "POST" and path in ("init/error", "exit/error"):
            with self._changed:
                self.reports.append((path, fields, body))
                self._changed.notify_all()
            return json_answer(202, {"status": "OK"})
        return json_answer(404, {"errorMessage": path, "errorType": "NotFound"})

    def _register(self, fields: Mapping[str, str], body: bytes) -> bytes | type[Drop]:
        with self._changed:
            held = self._register_answers.popleft() if self._register_answers else None
        if isinstance(held, threading.Event):
            held.wait(20)
        elif held is not None:
            return held
        name = fields.get("lambda-extension-name", "")
        try:
            events = tuple(json.loads(body)["events"])
        except (ValueError, KeyError):
            return refused("InvalidRequestFormat", "the body is not JSON with events")
        if not name:
            return refused("Extension.InvalidExtensionName", "empty name")
        allowed = {"SHUTDOWN"} if self.managed_instances else {"INVOKE", "SHUTDOWN"}
        if not allowed.issuperset(events):
            return refused("Extension.InvalidEventType", "event type not supported")
        with self._changed:
            self.registration = Registration(name, events)
            self._changed.notify_all()
        answer = {"functionName": "f", "functionVersion": "$LATEST", "handler": "f.handler"}
        return json_answer(200, answer, {"Lambda-Extension-Identifier": IDENTIFIER})

    def _next(self) -> bytes | type[Drop]:
        with self._changed:
            if self._waiting:
                return refused("Extension.InvalidExtensionState", "next is being waited for")
            self._waiting += 1
            self.nexts += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._events or self._closing)
            self._waiting -= 1
            return self._events.popleft() if self._events else Drop


def refused(error_type: str, message: str) -> bytes:
    """The API's own refusal: client faults are 403, not 400."""
    return json_answer(403, {"errorMessage": message, "errorType": error_type})
