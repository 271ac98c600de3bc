"""The Lambda Extensions API on loopback, for one extension, under the test's control.

Rules and error types are those of AWS's Runtime Interface Emulator, whose source is public
(`lambda/rapi/handler/agent*.go`, `lambda/core/externalagent_states.go`); it runs the real thing
in `test_emulator.py`. Everything that a test waits for is an event here.
"""

import json
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from fakes.answers import http_answer, json_answer
from fakes.loopback import Connection, Loopback, Request

IDENTIFIER = "4b7cbbd4-6f0c-4e5f-9f4e-1a2b3c4d5e6f"
PREFIX = "/2020-01-01/extension/"
FAR_MS = 1893456000000  # 2030-01-01, in milliseconds since the epoch


@dataclass(frozen=True)
class Registration:
    name: str
    events: tuple[str, ...]


class Drop:
    """Instead of an answer: the connection is closed."""


Answer = bytes | type[Drop]


class State(Enum):
    """Where the extension is in its life, as the API sees it."""

    STARTED = "Started"
    REGISTERED = "Registered"
    READY = "Ready"  # waits in event/next
    RUNNING = "Running"
    INIT_ERROR = "InitError"
    EXIT_ERROR = "ExitError"


# What each call asks of the state; the same error may be reported again.
ALLOWED = {
    "register": {State.STARTED},
    "event/next": {State.REGISTERED, State.RUNNING},
    "init/error": {State.REGISTERED, State.INIT_ERROR},
    "exit/error": {State.REGISTERED, State.READY, State.RUNNING, State.EXIT_ERROR},
}


class FakeLambdaApi:
    """The API, from entering the context to leaving it, at `address` (host:port).

    `managed_instances` refuses INVOKE, as Lambda Managed Instances do. `reports` are the failures
    that the extension has reported: path, header fields by lower-case name, body.
    """

    def __init__(self, *, managed_instances: bool = False) -> None:
        self.managed_instances = managed_instances
        self.registration: Registration | None = None
        self.reports: list[tuple[str, Mapping[str, str], bytes]] = []
        self.nexts = 0
        self.state = State.STARTED
        self._changed = threading.Condition()
        self._events: deque[Answer] = deque()
        self._register_answers: deque[Answer | threading.Event] = deque()
        self._server = Loopback(self._serve)
        self.address = f"127.0.0.1:{self._server.port}"

    def __enter__(self) -> "FakeLambdaApi":
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        with self._changed:
            self._changed.notify_all()

    # -- what tests do to it

    def wait_registered(self, timeout_s: float = 20.0) -> Registration:
        self._wait(lambda: self.registration is not None, timeout_s, "register")
        assert self.registration is not None
        return self.registration

    def wait_next(self, count: int, timeout_s: float = 20.0) -> None:
        """Return when event/next has been called `count` times in all."""
        self._wait(lambda: self.nexts >= count, timeout_s, f"next call {count}")

    def wait_reports(self, count: int, timeout_s: float = 20.0) -> None:
        """Return when `count` failures have been reported in all."""
        self._wait(lambda: len(self.reports) >= count, timeout_s, f"report {count}")

    def invoke(self, request_id: str = "3f1c", deadline_ms: int = FAR_MS) -> None:
        """Send INVOKE; `deadline_ms` is in milliseconds since the epoch."""
        event = {
            "eventType": "INVOKE",
            "deadlineMs": deadline_ms,
            "requestId": request_id,
            "invokedFunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:f",
        }
        fields = {"Content-Type": "application/json", "Lambda-Extension-Event-Identifier": "e"}
        self.answer_next(json_answer(200, event, fields))

    def shutdown(self, reason: str = "spindown", deadline_ms: int = FAR_MS) -> None:
        """Send SHUTDOWN, without a Content-Type, as the emulator does."""
        event = {"eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": deadline_ms}
        self.answer_next(http_answer(200, json.dumps(event).encode(), {}))

    def answer_next(self, answer: Answer) -> None:
        """Give `answer` to the call of next that waits, or to the one that comes."""
        with self._changed:
            self._events.append(answer)
            self._changed.notify_all()

    def answer_register(self, *answers: Answer | threading.Event) -> None:
        """Give these to the next registrations; an Event holds the right answer until it is set."""
        with self._changed:
            self._register_answers.extend(answers)

    def _wait(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, timeout_s):
                raise TimeoutError(what)

    # -- the API

    def _serve(self, request: Request, connection: Connection) -> None:
        answer = self._answer(request)
        if isinstance(answer, bytes):
            connection.send(answer)
        else:
            connection.close()

    def _answer(self, request: Request) -> Answer:
        path = request.target.removeprefix(PREFIX)
        if (request.method, path) == ("POST", "register"):
            return self._register(request)
        if (request.method, path) == ("GET", "event/next"):
            return self._identified(request) or self._next()
        if request.method == "POST" and path in ("init/error", "exit/error"):
            return self._identified(request) or self._report(path, request)
        return json_answer(404, {"errorMessage": path, "errorType": "NotFound"})

    def _identified(self, request: Request) -> bytes | None:
        """The refusal of a request that does not say who it is from."""
        identifier = request.fields.get("lambda-extension-identifier", "")
        if not identifier:
            return refused("Extension.MissingExtensionIdentifier", "no identifier")
        try:
            uuid.UUID(identifier)
        except ValueError:
            return refused("Extension.InvalidExtensionIdentifier", "not a UUID")
        if identifier != IDENTIFIER:
            return refused("Extension.UnknownExtensionIdentifier", "unknown extension")
        return None

    def _register(self, request: Request) -> Answer:
        with self._changed:
            held = self._register_answers.popleft() if self._register_answers else None
        if isinstance(held, threading.Event):
            if not self._server.hold(held):
                return Drop
        elif held is not None:
            return held
        name = request.fields.get("lambda-extension-name", "")
        if not name:
            return refused("Extension.InvalidExtensionName", "empty name")
        events = requested_events(request.body)
        if events is None:
            return refused("InvalidRequestFormat", "the body is no JSON object with events")
        allowed = {"SHUTDOWN"} if self.managed_instances else {"INVOKE", "SHUTDOWN"}
        if not allowed.issuperset(events):
            return refused("Extension.InvalidEventType", "event type not supported")
        with self._changed:
            if refusal := self._moved("register", State.REGISTERED):
                return refusal
            self.registration = Registration(name, events)
            self._changed.notify_all()
        answer = {"functionName": "f", "functionVersion": "$LATEST", "handler": "f.handler"}
        return json_answer(200, answer, {"Lambda-Extension-Identifier": IDENTIFIER})

    def _next(self) -> Answer:
        with self._changed:
            if refusal := self._moved("event/next", State.READY):
                return refusal
            self.nexts += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._events or self._server.closing.is_set())
            if self.state is not State.READY:  # a report has come in the meantime
                return refused("Extension.InvalidExtensionState", f"state is {self.state.value}")
            self.state = State.RUNNING
            return self._events.popleft() if self._events else Drop

    def _report(self, path: str, request: Request) -> bytes:
        if not request.fields.get("lambda-extension-function-error-type"):
            return refused("Extension.MissingHeader", "no error type")
        with self._changed:
            to = State.INIT_ERROR if path == "init/error" else State.EXIT_ERROR
            if refusal := self._moved(path, to):
                return refusal
            self.reports.append((path, request.fields, request.body))
            self._changed.notify_all()
        return json_answer(202, {"status": "OK"})

    def _moved(self, call: str, to: State) -> bytes | None:
        """Go to the state `to`, or refuse `call`."""
        if self.state not in ALLOWED[call]:
            message = f"{call} in state {self.state.value}"
            return refused("Extension.InvalidExtensionState", message)
        self.state = to
        return None


def requested_events(body: bytes) -> tuple[str, ...] | None:
    """The events that a registration names; none where it has no such member, as in the emulator.

    None where the body is malformed.
    """
    try:
        members = json.loads(body)
    except ValueError:
        return None
    events = members.get("events", []) if isinstance(members, dict) else None
    if not isinstance(events, list) or not all(isinstance(event, str) for event in events):
        return None
    return tuple(events)


def refused(error_type: str, message: str) -> bytes:
    """The API's own refusal: client faults are 403, not 400."""
    return json_answer(403, {"errorMessage": message, "errorType": error_type})
