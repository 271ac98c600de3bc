"""The AppConfig Data service on loopback, strict where the real one is, and faulty on demand.

Facts: AppConfig Data API 2021-11-11 (StartConfigurationSession, GetLatestConfiguration); the
bodies of errors are those seen from the native service. `test_fake_appconfig.py` holds this fake
and an independent service to the same contract.
"""

import contextlib
import json
import re
import secrets
import socket
import ssl
import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO
from urllib.parse import parse_qs, urlsplit

from fakes.faults import Fault

Key = tuple[str, str, str]

START, GET = "start", "get"
TOKEN_LIFE_S = 24 * 3600
_SCOPE = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")


@dataclass(frozen=True)
class Call:
    """One request as the service saw it; `operation` is START or GET."""

    operation: str
    key: Key | None
    fields: Mapping[str, str]
    body: Mapping[str, object]
    access_key: str
    region: str
    signing_name: str


@dataclass
class _Deployed:
    content: bytes
    content_type: str
    version_label: str | None
    number: int


@dataclass
class _Session:
    key: Key
    minimum_s: int
    seen: int = -1
    polled_at: float | None = None


def json_answer(
    status: int, body: Mapping[str, object], fields: Mapping[str, str] | None = None
) -> bytes:
    content = json.dumps(body).encode()
    return http_answer(status, content, {"Content-Type": "application/json", **(fields or {})})


def http_answer(status: int, content: bytes, fields: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    lines += [f"Content-Length: {len(content)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + content


class FakeAppConfig:
    """The service, from entering the context to leaving it, at `url`.

    `next_poll_interval_s` is what answers say, by default the interval that the session asked
    for, or 60. With `enforce_interval` early polls are refused. `clock_ahead_s` moves the
    service's clock. `access_key` is the only one let in, if it is set.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.next_poll_interval_s: int | None = None
        self.enforce_interval = False
        self.clock_ahead_s = 0.0
        self.access_key: str | None = None
        self.calls: list[Call] = []
        self.connections = 0
        self.peak_concurrency = 0
        self._context = context
        self._changed = threading.Condition()
        self._deployed: dict[Key, _Deployed] = {}
        self._tokens: dict[str, tuple[_Session, float]] = {}
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._lasting: dict[str, Fault] = {}
        self._running = 0
        self._numbers = 0
        self.closing = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._open: set[socket.socket] = set()
        host = "localhost" if context else "127.0.0.1"
        scheme = "https" if context else "http"
        self.port = self._listening.getsockname()[1]
        self.url = f"{scheme}://{host}:{self.port}"

    def __enter__(self) -> "FakeAppConfig":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.drop_connections()

    # -- what tests do to it

    def deploy(
        self,
        application: str,
        environment: str,
        profile: str,
        content: bytes,
        content_type: str = "application/json",
        version_label: str | None = None,
    ) -> None:
        with self._changed:
            self._numbers += 1
            self._deployed[application, environment, profile] = _Deployed(
                content, content_type, version_label, self._numbers
            )

    def withdraw(self, application: str, environment: str, profile: str) -> None:
        with self._changed:
            del self._deployed[application, environment, profile]

    def fail(self, operation: str, *faults: Fault) -> None:
        """Play these faults, one for each of the next calls of `operation`."""
        with self._changed:
            self._faults[operation].extend(faults)

    def fail_always(self, operation: str, fault: Fault) -> None:
        with self._changed:
            self._lasting[operation] = fault

    def heal(self) -> None:
        with self._changed:
            self._lasting.clear()
            self._faults.clear()

    def drop_connections(self) -> None:
        """Close every open connection without a word, as a load balancer does."""
        with self._changed:
            connections = tuple(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def count(self, operation: str, key: Key | None = None) -> int:
        with self._changed:
            return self._count(operation, key)

    def _count(self, operation: str, key: Key | None = None) -> int:
        return sum(c.operation == operation and key in (None, c.key) for c in self.calls)

    def wait_for(self, operation: str, count: int, timeout_s: float = 20.0) -> None:
        """Return when `operation` has been called `count` times. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._count(operation) >= count, timeout_s):
                raise TimeoutError(f"{self._count(operation)} of {count} calls of {operation}")

    # -- connections

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            connection = self._context.wrap_socket(raw, server_side=True) if self._context else raw
            with self._changed:
                self.connections += 1
                self._open.add(connection)
            with connection, connection.makefile("rb") as stream:
                while _Exchange(self, connection, stream).serve():
                    pass
        with self._changed:
            self._open = {each for each in self._open if each.fileno() >= 0}

    def begin(self, call: Call) -> Fault | None:
        with self._changed:
            self._running += 1
            self.peak_concurrency = max(self.peak_concurrency, self._running)
            self.calls.append(call)
            self._changed.notify_all()
            waiting = self._faults[call.operation]
            return waiting.popleft() if waiting else self._lasting.get(call.operation)

    def end(self) -> None:
        with self._changed:
            self._running -= 1

    # -- the service itself

    def now(self) -> float:
        return time.time() + self.clock_ahead_s

    def key_of(self, token: str) -> Key | None:
        with self._changed:
            found = self._tokens.get(token)
            return found[0].key if found else None

    def process(self, call: Call, token: str) -> bytes:
        with self._changed:
            if self.access_key is not None and call.access_key != self.access_key:
                message = f"User: {call.access_key} is not authorized to perform: appconfig"
                return json_answer(
                    403, {"Message": message}, {"x-amzn-ErrorType": "AccessDeniedException"}
                )
            return self._start(call) if call.operation == START else self._get(token)

    def _start(self, call: Call) -> bytes:
        parameters = ("ApplicationIdentifier", "EnvironmentIdentifier",
                      "ConfigurationProfileIdentifier")  # fmt: skip
        names = [call.body.get(parameter) for parameter in parameters]
        if not all(isinstance(name, str) and 1 <= len(name) <= 128 for name in names):
            return bad_request("identifiers have 1 to 128 characters", {})
        minimum = call.body.get("RequiredMinimumPollIntervalInSeconds", 60)
        if not isinstance(minimum, int) or not 15 <= minimum <= 86400:
            return bad_request("RequiredMinimumPollIntervalInSeconds is 15 to 86400", {})
        key = (str(names[0]), str(names[1]), str(names[2]))
        if key not in self._deployed:
            return self._not_found(key)
        token = self._token(_Session(key, minimum))
        return json_answer(201, {"InitialConfigurationToken": token})

    def _not_found(self, key: Key) -> bytes:
        kinds = ("Application", "Environment", "ConfigurationProfile")
        known = {deployed[:size] for deployed in self._deployed for size in (1, 2, 3)}
        size, kind = next(
            (size, kind) for size, kind in enumerate(kinds, 1) if key[:size] not in known
        )
        body = {
            "Message": f"{kind} not found",
            "ResourceType": kind,
            "ReferencedBy": {f"{kind}Identifier": key[size - 1]},
        }
        return json_answer(404, body, {"x-amzn-ErrorType": "ResourceNotFoundException"})

    def _get(self, token: str) -> bytes:
        session, made_at = self._tokens.get(token, (None, 0.0))
        if session is None:
            return bad_token("Corrupted", "Token not valid")
        if self.now() - made_at > TOKEN_LIFE_S:
            return bad_token("Expired", "Token not valid")
        interval_s = self.next_poll_interval_s
        if interval_s is None:
            interval_s = session.minimum_s
        early = session.polled_at is not None and self.now() - session.polled_at < interval_s
        if self.enforce_interval and early:
            return bad_token("PollIntervalNotSatisfied", "Request too early")
        deployed = self._deployed.get(session.key)
        if deployed is None:
            body = {
                "Message": "Configuration not found",
                "ResourceType": "Configuration",
                "ReferencedBy": {"ConfigurationToken": token},
            }
            return json_answer(404, body, {"x-amzn-ErrorType": "ResourceNotFoundException"})
        del self._tokens[token]
        changed = deployed.number != session.seen
        session.seen, session.polled_at = deployed.number, self.now()
        fields = {
            "Next-Poll-Configuration-Token": self._token(session),
            "Next-Poll-Interval-In-Seconds": str(interval_s),
            "Content-Type": deployed.content_type,
        }
        if changed and deployed.version_label is not None:
            fields["Version-Label"] = deployed.version_label
        return http_answer(200, deployed.content if changed else b"", fields)

    def _token(self, session: _Session) -> str:
        token = secrets.token_urlsafe(24) + "/+="  # characters that must be escaped in a query
        self._tokens[token] = (session, self.now())
        return token


class _Exchange:
    """One request, read from its connection, and the answer or the fault that follows."""

    def __init__(self, service: FakeAppConfig, connection: socket.socket, stream: BinaryIO) -> None:
        self.connection = connection
        self._stream = stream
        self._open = True
        self.closing = service.closing
        self._service = service
        self._call: Call
        self._token = ""

    def close(self) -> None:
        self._open = False
        self._stream.close()
        self.connection.close()

    def serve(self) -> bool:
        """Whether the connection may carry another request."""
        stream = self._stream
        line = stream.readline()
        if not line:
            return False
        method, target, _ = line.decode("latin-1").split(" ")
        fields = {}
        while (line := stream.readline().rstrip(b"\r\n")) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            fields[name.strip().lower()] = value.strip()
        body = stream.read(int(fields.get("content-length", 0)))
        url = urlsplit(target)
        routes = {("POST", "/configurationsessions"): START, ("GET", "/configuration"): GET}
        operation = routes.get((method, url.path))
        if operation is None:
            self.connection.sendall(json_answer(404, {"Message": f"no operation {target}"}))
            return True
        self._token = parse_qs(url.query).get("configuration_token", [""])[0]
        self._call = self._as_call(operation, fields, body)
        fault = self._service.begin(self._call)
        try:
            if fault is None:
                self.connection.sendall(self.answer())
            else:
                fault.play(self)
        finally:
            self._service.end()
        return self._open

    def _as_call(self, operation: str, fields: Mapping[str, str], body: bytes) -> Call:
        members = json.loads(body) if body else {}
        key = self._service.key_of(self._token)
        if operation == START:
            key = (
                members.get("ApplicationIdentifier", ""),
                members.get("EnvironmentIdentifier", ""),
                members.get("ConfigurationProfileIdentifier", ""),
            )
        scope = _SCOPE.search(fields.get("authorization", ""))
        access_key, region, signing_name = scope.groups() if scope else ("", "", "")
        return Call(operation, key, fields, members, access_key, region, signing_name)

    def answer(self) -> bytes:
        return self._service.process(self._call, self._token)


def bad_request(message: str, details: Mapping[str, object]) -> bytes:
    body = {"Message": message, "Reason": "InvalidParameters", "Details": details}
    return json_answer(400, body, {"x-amzn-ErrorType": "BadRequestException:http://internal/"})


def bad_token(problem: str, message: str) -> bytes:
    parameters = {"InvalidParameters": {"ConfigurationToken": {"Problem": problem}}}
    return bad_request(message, parameters)
