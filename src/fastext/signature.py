"""AWS Signature Version 4 of a request, in the header form.

Source: AWS IAM user guide, "Create a signed AWS API request".
"""

import time
from functools import lru_cache

from fastext.digest import hmac_digest, sha256
from fastext.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Signing(Protocol):
        """Credentials, ours or botocore's."""

        @property
        def access_key(self) -> str: ...
        @property
        def secret_key(self) -> str: ...
        @property
        def token(self) -> "str | None": ...


ALGORITHM = "AWS4-HMAC-SHA256"

# A signature may be five minutes old or young; less than this is no explanation of a refusal.
SKEW_S = 240.0

# The codes by which AWS refuses a signature, among other reasons for the clock's sake.
SKEWED = frozenset({"InvalidSignatureException", "RequestExpired", "RequestInTheFuture",
                    "RequestTimeTooSkewed", "SignatureDoesNotMatch"})  # fmt: skip

# What needs no percent-encoding in a path or query (RFC 3986 section 2.3).
_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"

_SHA256_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def quote(text: str) -> str:
    """`text` with everything but unreserved characters percent-encoded as UTF-8.

    What has no UTF-8 is encoded all the same: it is for the service to refuse it.
    """
    octets = text.encode("utf-8", "surrogatepass")
    reserved = set(octets.translate(None, _UNRESERVED))
    if 0x25 in reserved:  # first, for what follows brings more of it
        octets = octets.replace(b"%", b"%25")
        reserved.remove(0x25)
    for octet in reserved:
        octets = octets.replace(bytes((octet,)), b"%%%02X" % octet)
    return octets.decode("ascii")


def signable(credentials: "Signing") -> None:
    """Raises Unavailable where a part of them cannot be sent; a line break would begin a field."""
    if not (credentials.access_key and credentials.secret_key):
        raise Unavailable("the AWS credentials have no access key or no secret key")
    for name in ("access_key", "secret_key", "token"):
        part: str = getattr(credentials, name) or ""
        if not (part.isascii() and part.isprintable()):
            raise Unavailable(
                f"the {name.replace('_', ' ')} of the AWS credentials holds control or non-ASCII"
                " characters; set it without them"
            )


def timestamp(now: float) -> str:
    """`now`, seconds since the epoch, as x-amz-date has it."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))


@lru_cache(maxsize=8)  # there are two
def canonical_path(path: str) -> str:
    """`path`, encoded already, as all services but S3 have it signed: encoded once more."""
    return "/".join(map(quote, path.split("/")))


def canonical_request(
    method: str, path: str, query: str, fields: "dict[str, str]", content: bytes
) -> "tuple[str, str]":
    """What is signed of a request, and the names of the fields in it, as they are told.

    `path` and `query` are encoded, `fields` by lower-case name.
    """
    names = sorted(fields)
    lines = "".join([f"{name}:{' '.join(fields[name].split())}\n" for name in names])
    told = ";".join(names)
    digest = sha256(content).hexdigest() if content else _SHA256_OF_NOTHING
    return f"{method}\n{canonical_path(path)}\n{query}\n{lines}\n{told}\n{digest}", told


class SigningClock:
    """The time to sign by: this machine's clock, put right by what a refusal says of the time.

    Threads may share it.
    """

    def __init__(self, now: "Callable[[], float]" = time.time) -> None:
        self._now = now
        self._behind_s = 0.0

    def timestamp(self) -> str:
        return timestamp(self._now() + self._behind_s)

    def by_own(self, moment: float, date: str) -> float:
        """When by this machine's clock it will be `moment` of the service's, which has said `date`
        just now: seconds since the epoch.
        """
        behind_s = self._behind(date) if date else self._behind_s
        return moment - behind_s if abs(behind_s) >= SKEW_S else moment

    def put_right(self, code: str, date: str) -> bool:
        """Whether a refusal with `code` and this Date field was for the clock, until now."""
        behind_s = self._behind(date) if code in SKEWED else 0.0
        if abs(behind_s - self._behind_s) < SKEW_S:
            return False
        self._behind_s = behind_s
        return True

    def _behind(self, date: str) -> float:
        """How far the clock is behind the service's, by its Date field; 0 if that is unread."""
        from datetime import UTC, datetime

        try:
            moment = datetime.strptime(date, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
        except ValueError:
            return 0.0
        return moment.timestamp() - self._now()


class Signer:
    """Signs for one service; the key derived for a day, a Region and a secret is kept."""

    __slots__ = ("_derived", "_derived_for", "_region", "_service")

    def __init__(self, region: str, service: str) -> None:
        self._region = region
        self._service = service
        self._derived_for = ("", "")
        self._derived = b""

    def authorization(
        self, access_key: str, secret_key: str, canonical: str, signed_at: str, names: str
    ) -> str:
        """The Authorization field for a canonical request, with its `names`.

        `signed_at` is the value of x-amz-date.
        """
        day = signed_at[:8]
        scope = f"{day}/{self._region}/{self._service}/aws4_request"
        try:
            digest = sha256(canonical.encode()).hexdigest()
            to_sign = f"{ALGORITHM}\n{signed_at}\n{scope}\n{digest}"
            signature = hmac_digest(self._key(secret_key, day), to_sign.encode(), "sha256").hex()
        except ValueError as fault:  # so Python tells that OpenSSL could allocate nothing
            raise MemoryError from fault
        return (
            f"{ALGORITHM} Credential={access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )

    def _key(self, secret_key: str, day: str) -> bytes:
        if self._derived_for != (secret_key, day):
            key = f"AWS4{secret_key}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac_digest(key, part.encode(), "sha256")
            self._derived, self._derived_for = key, (secret_key, day)
        return self._derived
