"""Who may read, where an access token is set.

Source: AWS AppConfig user guide, environment variable ACCESS_TOKEN; RFC 6750 section 2.1.
"""

import hmac
from collections.abc import Sequence


class Access:
    """Calls are granted to those that bear `token`."""

    __slots__ = ("_token",)

    def __init__(self, token: str) -> None:
        self._token = token.encode("utf-8", "surrogateescape")

    def granted(self, fields: Sequence[tuple[bytes, bytes]]) -> bool:
        """Whether the header fields, by lower-case name, hold the token, and it once.

        How long it takes does not depend on how much of the token is right.
        """
        given = [value for name, value in fields if name == b"authorization"]
        if len(given) != 1:
            return False
        scheme, _, token = given[0].partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(b" "), self._token)
