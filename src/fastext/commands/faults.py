"""What is wrong with a document, with the place of each fault."""

import re
from dataclasses import dataclass, field

# The keys of flags and attributes, by the service's schema.
KEY = re.compile(r"[a-z][a-zA-Z\d_-]{0,63}", re.ASCII)

_PLAIN = re.compile(r"[A-Za-z_$][\w$-]*")


def at(path: str, step: str | int) -> str:
    """The path of a member or an element of what stands at `path`.

    >>> at(at("flags", "a b"), 0)
    'flags["a b"][0]'
    """
    if isinstance(step, int):
        return f"{path}[{step}]"
    if not _PLAIN.fullmatch(step):
        escaped = step.replace("\\", "\\\\").replace('"', '\\"')
        return f'{path}["{escaped}"]'
    return f"{path}.{step}" if path else step


@dataclass(frozen=True)
class Fault:
    """One fault. With a `warning` the service takes the document, though not as it looks."""

    path: str
    message: str
    warning: bool = False

    @property
    def severity(self) -> str:
        return "warning" if self.warning else "error"


@dataclass
class Faults:
    """All that was found, in the order of the document."""

    found: list[Fault] = field(default_factory=list)

    def error(self, path: str, message: str) -> None:
        self.found.append(Fault(path, message))

    def warn(self, path: str, message: str) -> None:
        self.found.append(Fault(path, message, warning=True))

    @property
    def errors(self) -> int:
        return sum(not fault.warning for fault in self.found)
