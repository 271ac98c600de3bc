"""Regular expressions of botocore and urllib3 that are compiled when they are first used.

They compile fifty when they are imported, of which a poll uses ten. The largest tell whether a host
is an IPv6 address, which is asked several times of every host; one without a colon is none.
"""

import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LATE_IN = frozenset({"botocore", "urllib3"})

# Patterns of IPv6 addresses, whole and no less: module and name.
OF_ADDRESSES = (
    ("botocore.compat", "IPV6_ADDRZ_RE"),
    ("urllib3.util.url", "_IPV6_RE"),
    ("urllib3.util.url", "_IPV6_ADDRZ_RE"),
    ("urllib3.util.url", "_BRACELESS_IPV6_ADDRZ_RE"),
)


class LatePattern:
    """A compiled pattern, as soon as anything of it is asked for.

    `needs` is a text without which no text matches, or "".
    """

    __slots__ = ("_flags", "_pattern", "_source", "needs")

    def __init__(self, source: "Any", flags: int) -> None:
        self._source = source
        self._flags = flags
        self._pattern: re.Pattern[Any] | None = None
        self.needs = ""

    def __getattr__(self, name: str) -> "Any":
        if self._pattern is None:
            self._pattern = _compile(self._source, self._flags)
        return getattr(self._pattern, name)

    def match(self, text: "Any", *rest: "Any") -> "Any":
        if self.needs and self.needs not in text:
            return None
        return self.__getattr__("match")(text, *rest)


class late_patterns:  # noqa: N801: a context manager, as the others are
    """Within it `re.compile` gives botocore and urllib3 late ones."""

    def __enter__(self) -> None:
        re.compile = _late_or_not

    def __exit__(self, *_: object) -> None:
        re.compile = _compile
        for module, name in OF_ADDRESSES:
            pattern = getattr(sys.modules.get(module), name, None)
            if isinstance(pattern, LatePattern):
                pattern.needs = ":"


_compile = re.compile


def _late_or_not(pattern: "Any", flags: int = 0) -> "Any":
    caller = sys._getframe(1).f_globals.get("__name__", "")
    if caller.partition(".")[0] in LATE_IN:
        return LatePattern(pattern, flags)
    return _compile(pattern, flags)
