"""The rules of the AppConfig Data service, without HTTP: sessions, tokens, answers, refusals."""

import re
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from fakes.answers import error_answer, http_answer, json_answer

Key = tuple[str, str, str]

START, GET = "start", "get"
ACTIONS = {START: "StartConfigurationSession", GET: "GetLatestConfiguration"}
PARAMETERS = (
    "ApplicationIdentifier",
    "EnvironmentIdentifier",
    "ConfigurationProfileIdentifier",
)

TOKEN_LIFE_S = 24 * 3600
_ID = re.compile(r"[a-z0-9]{4,7}")  # what AppConfig makes up for applications and their parts


@dataclass
class Call:
    """One request as the service saw it; `operation` is START or GET.

    `target` and `content` are as they came, `body` is what they say.

    `at_s` is by the service's clock. `status` is None until an answer goes out, and stays so
    where a fault sends no whole status line.
    """

    operation: str
    target: str
    content: bytes
    key: Key | None
    fields: Mapping[str, str]
    body: Mapping[str, object]
    access_key: str
    region: str
    signing_name: str
    security_token: str | None
    at_s: float
    status: int | None = None


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


class DataService:
    """The service; `fakes.appconfig` puts it on the network and says what its attributes do."""

    def __init__(self) -> None:
        self.next_poll_interval_s: int | None = None
        self.enforce_interval = False
        self.clock_ahead_s = 0.0
        self.access_key: str | None = None
        self.expired_access_keys: set[str] = set()
        self._changed = threading.Condition()
        self._deployed: dict[Key, _Deployed] = {}
        self._created: set[tuple[str, ...]] = set()
        self._tokens: dict[str, tuple[_Session, float]] = {}
        self._numbers = 0

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
            key = (application, environment, profile)
            self._deployed[key] = _Deployed(content, content_type, version_label, self._numbers)
            self._created |= {
                ("Application", application),
                ("ConfigurationProfile", application, profile),
                ("Environment", application, environment),
            }

    def withdraw(self, application: str, environment: str, profile: str) -> None:
        """Take a deployment back; application, environment and profile are still there."""
        with self._changed:
            del self._deployed[application, environment, profile]

    def content_of(self, application: str, environment: str, profile: str) -> bytes:
        """What is deployed."""
        with self._changed:
            return self._deployed[application, environment, profile].content

    def now(self) -> float:
        """The service's time, in seconds since the epoch."""
        return time.time() + self.clock_ahead_s

    def key_of(self, token: str) -> Key | None:
        with self._changed:
            found = self._tokens.get(token)
            return found[0].key if found else None

    def process(self, call: Call, token: str) -> bytes:
        """The answer, with what the call does done: a token that was good is used up."""
        with self._changed:
            if call.access_key in self.expired_access_keys:
                message = "The security token included in the request is expired"
                return error_answer(403, "ExpiredTokenException", {"Message": message})
            if self.access_key is not None and call.access_key != self.access_key:
                action = f"appconfig:{ACTIONS[call.operation]}"
                message = f"User: {call.access_key} is not authorized to perform: {action}"
                return error_answer(403, "AccessDeniedException", {"Message": message})
            return self._start(call) if call.operation == START else self._get(token)

    def _start(self, call: Call) -> bytes:
        names = [call.body.get(parameter) for parameter in PARAMETERS]
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
        """What is missing, looked up in the order of the native service.

        It looks up names only: identifiers that could all be IDs lack a deployment.
        """
        application, environment, profile = key
        path: tuple[str, ...]
        for path in (
            ("Application", application),
            ("ConfigurationProfile", application, profile),
            ("Environment", application, environment),
        ):
            if path not in self._created and not all(map(_ID.fullmatch, key)):
                return not_found(path[0], {f"{path[0]}Identifier": path[-1]})
        return not_found(
            "Deployment",
            {"EnvironmentIdentifier": environment, "ConfigurationProfileIdentifier": profile},
        )

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
            return not_found("Configuration", {"ConfigurationToken": token})
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


def bad_request(message: str, details: Mapping[str, object]) -> bytes:
    body = {"Message": message, "Reason": "InvalidParameters", "Details": details}
    return error_answer(400, "BadRequestException", body)


def bad_token(problem: str, message: str) -> bytes:
    parameters = {"InvalidParameters": {"ConfigurationToken": {"Problem": problem}}}
    return bad_request(message, parameters)


def not_found(kind: str, referenced_by: Mapping[str, str]) -> bytes:
    body = {"Message": f"{kind} not found", "ResourceType": kind, "ReferencedBy": referenced_by}
    return error_answer(404, "ResourceNotFoundException", body)
