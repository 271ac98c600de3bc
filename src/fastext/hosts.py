"""Which hosts a caller may have meant: the guard against DNS rebinding.

A page in a browser may be from a name whose address its owner changes to this machine's. Then the
browser lets it read what is served here, but its requests still have that name in their Host
field. Other programs have other names for us than these only if someone has given us one.
"""

import socket
from collections.abc import Iterable, Sequence


class Hosts:
    """Calls are served that were made to localhost, to an address, or to one of `names`."""

    __slots__ = ("_names",)

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {b"localhost"}
        self._names.update(without_port(name.encode("utf-8", "surrogateescape")) for name in names)

    def serves(self, target: bytes, fields: Sequence[tuple[bytes, bytes]]) -> bool:
        """Whether a request's Host is served, or the authority of its target, which comes before
        Host (RFC 9112 section 3.2.2).

        A request without either is served: browsers send Host always.
        """
        asked = [value for name, value in fields if name == b"host"]
        if not target.startswith(b"/"):
            authority = target.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0]
            if authority:
                asked = [authority.rpartition(b"@")[2]]
        return all(map(self.allowed, filter(None, asked)))

    def allowed(self, host: bytes) -> bool:
        """Whether `host`, with or without a port, is served."""
        name = without_port(host)
        return name in self._names or is_address(name)


def without_port(host: bytes) -> bytes:
    """The name or the address of `host`, in lower case, without the dot that may end a name."""
    if host.startswith(b"["):
        return host.partition(b"]:")[0].removesuffix(b"]") + b"]"
    return host.partition(b":")[0].lower().removesuffix(b".")


def is_address(name: bytes) -> bool:
    """Whether `name` is an IPv4 address, or an IPv6 address in brackets."""
    bracketed = name.startswith(b"[")
    try:
        socket.inet_pton(
            socket.AF_INET6 if bracketed else socket.AF_INET,
            (name[1:-1] if bracketed else name).decode("ascii"),
        )
    except (OSError, ValueError):
        return False
    return True
