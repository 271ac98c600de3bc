"""AWS Signature Version 4 of a request, in the header form.

Source: AWS IAM user guide, "Create a signed AWS API request".
"""

import time

from fastext.digest import hmac_digest, sha256

ALGORITHM = "AWS4-HMAC-SHA256"

# What needs no percent-encoding in a path or query (RFC 3986 section 2.3), and what `quote` makes
# of everything else in ASCII.
_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
_QUOTED = {code: f"%{code:02X}" for code in range(128) if chr(code) not in _UNRESERVED}


def quote(text: str) -> str:
    """`text` with everything but unreserved characters percent-encoded as UTF-8."""
    if text.isascii():
        return text.translate(_QUOTED)
    return "".join(
        chr(octet) if octet < 128 and chr(octet) in _UNRESERVED else f"%{octet:02X}"
        for octet in text.encode()
    )


def timestamp(now: float) -> str:
    """`now`, seconds since the epoch, as x-amz-date has it."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))


def canonical_request(
    method: str, path: str, query: str, fields: "dict[str, str]", content: bytes
) -> str:
    """What is signed of a request: `path` and `query` encoded, `fields` by lower-case name.

    All services but S3 have the path encoded once more.
    """
    names = sorted(fields)
    lines = "".join(f"{name}:{' '.join(fields[name].split())}\n" for name in names)
    return (
        f"{method}\n{'/'.join(map(quote, path.split('/')))}\n{query}\n"
        f"{lines}\n{';'.join(names)}\n{sha256(content).hexdigest()}"
    )


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
        """The Authorization field for a canonical request.

        `signed_at` is the value of x-amz-date, `names` the signed fields' names, sorted, joined
        by semicolons.
        """
        day = signed_at[:8]
        scope = f"{day}/{self._region}/{self._service}/aws4_request"
        digest = sha256(canonical.encode()).hexdigest()
        to_sign = f"{ALGORITHM}\n{signed_at}\n{scope}\n{digest}"
        signature = hmac_digest(self._key(secret_key, day), to_sign.encode(), "sha256").hex()
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
