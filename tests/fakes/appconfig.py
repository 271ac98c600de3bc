"""The AppConfig Data service on loopback, strict where the real one is, and faulty on demand.

Facts: AppConfig Data API 2021-11-11 (StartConfigurationSession, GetLatestConfiguration); the
bodies of errors are those seen from the native service. `test_fake_appconfig.py` holds this fake
and an independent service to the same contract.
"""

import json
import re
import ssl
import threading
from collections import deque
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from fakes.answers import http_answer, json_answer
from fakes.data_service import GET, PARAMETERS, START, Call, DataService, Key
from fakes.faults import Fault
from fakes.loopback import Connection, Loopback, Request

__all__ = ["GET", "START", "Call", "FakeAppConfig", "Key", "http_answer", "json_answer"]

ROUTES = {("POST", "/configurationsessions"): START, ("GET", "/configuration"): GET}
STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) ")
SCOPE = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")


@dataclass(frozen=True)
class _Planned:
    operation: str
    key: Key | None
    fault: Fault

    def meets(self, call: Call) -> bool:
        return self.operation == call.operation and self.key in (None, call.key)


class FakeAppConfig(DataService):
    """The service, from entering the context to leaving it, at `url`.

    `next_poll_interval_s` is what answers say, by default the interval that the session asked
    for, or 60. With `enforce_interval` early polls are refused. `clock_ahead_s` moves the
    service's clock. `access_key` is the only one let in, if it is set; those in
    `expired_access_keys` have had their time.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.peak_concurrency = 0
        self._faults: deque[_Planned] = deque()
        self._lasting: deque[_Planned] = deque()
        self._released = threading.Event()
        self._running = 0
        self._server = Loopback(self._serve, context)
        scheme, host = ("https", "localhost") if context else ("http", "127.0.0.1")
        self.url = f"{scheme}://{host}:{self._server.port}"

    def __enter__(self) -> "FakeAppConfig":
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- what tests do to it

    def stop(self) -> None:
        """Be gone: connections end, and new ones are refused."""
        self._server.stop()

    def fail(self, operation: str, *faults: Fault, key: Key | None = None) -> None:
        """Play these faults, one for each of the next calls of `operation` (for `key`)."""
        with self._changed:
            self._faults.extend(_Planned(operation, key, fault) for fault in faults)

    def fail_always(self, operation: str, fault: Fault, key: Key | None = None) -> None:
        """Play `fault` for every call from now on; the latest such wish counts."""
        with self._changed:
            self._lasting.appendleft(_Planned(operation, key, fault))

    def heal(self) -> None:
        """Plan no more faults. Those being played go on."""
        with self._changed:
            self._lasting.clear()
            self._faults.clear()

    def release(self) -> None:
        """Let the calls that hang now go on to their answers."""
        with self._changed:
            self._released.set()
            self._released = threading.Event()

    def drop_connections(self) -> None:
        """Close every open connection without a word, as a load balancer does."""
        self._server.drop_connections()

    @property
    def connections(self) -> int:
        """How many connections have been made in all."""
        return self._server.connections

    def count(self, operation: str, key: Key | None = None) -> int:
        with self._changed:
            return self._count(operation, key)

    def _count(self, operation: str, key: Key | None = None) -> int:
        return sum(c.operation == operation and key in (None, c.key) for c in self.calls)

    def wait_for(
        self, operation: str, count: int, timeout_s: float = 20.0, key: Key | None = None
    ) -> None:
        """Return when `operation` has been called `count` times. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._count(operation, key) >= count, timeout_s):
                raise TimeoutError(f"{self._count(operation, key)} of {count} calls of {operation}")

    # -- requests

    def _serve(self, request: Request, connection: Connection) -> None:
        url = urlsplit(request.target)
        operation = ROUTES.get((request.method, url.path))
        if operation is None:
            connection.send(json_answer(404, {"Message": f"no operation {request.target}"}))
            return
        token = parse_qs(url.query).get("configuration_token", [""])[0]
        call = self._as_call(operation, request, token)
        with self._changed:
            self._running += 1
            self.peak_concurrency = max(self.peak_concurrency, self._running)
            self.calls.append(call)
            fault = self._next_fault(call)
            # Taken now: a test that has seen the call may release it before it begins to hang.
            released = self._released
            self._changed.notify_all()
        exchange = _Exchange(self, self._server, connection, call, token, released)
        try:
            if fault is None:
                exchange.send(exchange.answer())
            else:
                fault.play(exchange)
        finally:
            with self._changed:
                self._running -= 1

    def _as_call(self, operation: str, request: Request, token: str) -> Call:
        try:
            members = json.loads(request.body) if request.body else {}
        except ValueError:
            members = None
        if not isinstance(members, dict):
            members = {}  # and so refused for the identifiers that it lacks
        key: Key | None
        if operation == START:
            application, environment, profile = (members.get(name, "") for name in PARAMETERS)
            key = (application, environment, profile)
        else:
            key = self.key_of(token)
        scope = SCOPE.search(request.fields.get("authorization", ""))
        access_key, region, signing_name = scope.groups() if scope else ("", "", "")
        security_token = request.fields.get("x-amz-security-token")
        return Call(operation, request.target, request.body, key, request.fields, members,
                    access_key, region, signing_name, security_token, self.now())  # fmt: skip

    def _next_fault(self, call: Call) -> Fault | None:
        for planned in self._faults:
            if planned.meets(call):
                self._faults.remove(planned)
                return planned.fault
        return next((each.fault for each in self._lasting if each.meets(call)), None)


class _Exchange:
    """One call, and the answer or the fault that follows."""

    def __init__(
        self,
        service: FakeAppConfig,
        server: Loopback,
        connection: Connection,
        call: Call,
        token: str,
        released: threading.Event,
    ) -> None:
        self.closing = server.closing
        self.close = connection.close
        self.reset = connection.reset
        self._service = service
        self._server = server
        self._connection = connection
        self._call = call
        self._token = token
        self._released = released

    def hold(self, gate: threading.Event | None = None) -> bool:
        return self._server.hold(gate or self._released)

    def answer(self) -> bytes:
        return self._service.process(self._call, self._token)

    def send(self, content: bytes) -> None:
        # Before it goes out, so that whoever has the answer finds the record of it.
        if self._call.status is None and (line := STATUS_LINE.match(content)):
            self._call.status = int(line[1])
        self._connection.send(content)
