"""AWS credentials from where nearly every Lambda function has them: environment and container.

Every other source is botocore's (client.py). The container provider is that of SnapStart, of ECS
and of EKS pod identity: one GET of a local endpoint.

Source: AWS SDKs and Tools reference guide, "Container credential provider".
"""

import time

from fastext.deadline import Deadline
from fastext.errors import TimedOut, Unavailable
from fastext.exchange import Origin
from fastext.signature import signable
from fastext.tls import Trust

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Where AWS_CONTAINER_CREDENTIALS_RELATIVE_URI leads.
ECS_ENDPOINT = "http://169.254.170.2"

# Over plain HTTP credentials may come from these alone: loopback, ECS's and EKS's agents.
TRUSTED_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "169.254.170.2", "169.254.170.23",
                           "fd00:ec2::23"})  # fmt: skip

# Credentials are renewed so long before they expire, as botocore does; if that fails, they are
# used until they do.
RENEWED_BEFORE_S = 15 * 60.0

# Of a call's time, what such a renewal may take.
RENEWAL_PART = 0.25


class Credentials:
    """`expires_at` is in seconds since the epoch, or None."""

    __slots__ = ("access_key", "expires_at", "secret_key", "token")

    def __init__(
        self, access_key: str, secret_key: str, token: str, expires_at: "float | None" = None
    ) -> None:
        self.access_key = access_key
        self.secret_key = secret_key
        self.token = token
        self.expires_at = expires_at


def of_environment(environ: "Mapping[str, str]") -> "Credentials | None":
    """The credentials that the environment holds, if it holds both parts."""
    access_key = environ.get("AWS_ACCESS_KEY_ID", "")
    secret_key = environ.get("AWS_SECRET_ACCESS_KEY", "")
    if not access_key or not secret_key:
        return None
    # In botocore's order.
    token = environ.get("AWS_SECURITY_TOKEN") or environ.get("AWS_SESSION_TOKEN") or ""
    return Credentials(access_key, secret_key, token)


class Fixed:
    """Credentials that do not change while the process lives."""

    renewable = False

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def get(self, deadline: Deadline) -> Credentials:
        """Raises Unavailable."""
        signable(self._credentials)
        return self._credentials

    def refused(self) -> None:
        """Nothing can be done about it."""


class Container:
    """Credentials from the container endpoint, kept until shortly before they expire.

    `authorization` gives the value of the Authorization field, or "": where a file holds it, the
    file is read every time. Threads may share it.
    """

    renewable = True

    def __init__(
        self,
        url: "tuple[str, str, int, str]",
        authorization: "Callable[[], str]",
        trust: Trust,
        now: "Callable[[], float]" = time.time,
    ) -> None:
        scheme, host, port, path = url
        self._origin = Origin(scheme, host, port, trust)
        self._path = path or "/"
        self._authorization = authorization
        self._now = now
        self._credentials: Credentials | None = None

    def get(self, deadline: Deadline) -> Credentials:
        """Raises Unavailable or TimedOut."""
        kept = self._credentials
        left_s = kept.expires_at - self._now() if kept and kept.expires_at else 0.0
        if kept is not None and (kept.expires_at is None or left_s > RENEWED_BEFORE_S):
            return kept
        if kept is None or left_s <= 0:
            self._credentials = self._retrieve(deadline)
            return self._credentials
        try:
            # Where it hangs, there is still time for the call that the credentials are for.
            self._credentials = self._retrieve(Deadline(deadline.remaining_s() * RENEWAL_PART))
        except (Unavailable, TimedOut):
            return kept
        return self._credentials

    def refused(self) -> None:
        """The service does not take them any more: ask anew."""
        self._credentials = None

    def _retrieve(self, deadline: Deadline) -> Credentials:
        fields = f"Host: {self._origin.authority}\r\nAccept: application/json\r\n"
        authorization = self._authorization()
        if authorization:
            fields += f"Authorization: {authorization}\r\n"
        request = f"GET {self._path} HTTP/1.1\r\n{fields}Connection: close\r\n\r\n"
        answer = self._origin.send(request.encode("latin-1"), deadline)
        if answer.status != 200:
            raise Unavailable(
                f"no AWS credentials: {self._origin.url} answers with status {answer.status}"
            )
        import json

        try:
            got = json.loads(answer.content)
            found = Credentials(
                got["AccessKeyId"],
                got["SecretAccessKey"],
                got.get("Token") or "",
                seconds_of(got["Expiration"]) if got.get("Expiration") else None,
            )
            signable(found)
            return found
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            # The answer itself may hold a secret.
            raise Unavailable(
                f"no AWS credentials: the answer of {self._origin.url} cannot be read"
            ) from None


def seconds_of(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 date such as 2026-01-31T12:00:00Z.

    Raises ValueError.
    """
    from datetime import datetime

    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a date without a time zone")
    return moment.timestamp()
