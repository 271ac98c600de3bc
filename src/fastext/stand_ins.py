"""Stand-ins for what botocore and urllib3 import but never use for our two services.

botocore loads the generators of its own documentation, with HTML parsing, and JMESPath for
paginators and waiters, of which AppConfig Data and STS have none; urllib3 loads package metadata,
with ZIP and its compressions, to look for HTTP/2. That is a quarter of what the botocore client
takes in time and memory. While `stand_ins` is entered such a module is an empty one with any name
in it; afterwards it is forgotten, and who imports it then gets the real one. What botocore needs
for some credentials only is loaded when it does.
"""

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType

from fastext.late_modules import late_modules
from fastext.late_patterns import late_patterns

UNUSED = (
    "botocore.docs",
    "botocore.docs.docstring",
    "botocore.docs.utils",
    "importlib.metadata",
    "jmespath",
)

# For shared configuration files, dates in credentials, signatures of functions, hosts that are
# addresses, processes that give credentials, AWS sign-in, proxies.
SELDOM_USED = ("configparser", "dateutil.parser", "dateutil.tz", "inspect", "ipaddress",
               "subprocess", "tempfile", "urllib.request")  # fmt: skip


class _Unused:
    """Whatever is done with it, it is itself: a class, an instance or a function never called."""

    def __init__(self, *_: object, **__: object) -> None:
        """Takes anything."""

    def __call__(self, *_: object, **__: object) -> "_Unused":
        return self

    def __getattr__(self, name: str) -> "_Unused":
        if name.startswith("__"):
            raise AttributeError(name)
        return self


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Unused


@contextlib.contextmanager
def stand_ins() -> Iterator[None]:
    """Import within it; what is loaded already stays as it is."""
    placed = [name for name in UNUSED if name not in sys.modules]
    for name in placed:
        sys.modules[name] = _StandIn(name)
    try:
        with late_modules(*SELDOM_USED), late_patterns():
            yield
    finally:
        for name in placed:
            if isinstance(sys.modules.get(name), _StandIn):
                del sys.modules[name]
