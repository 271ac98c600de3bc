"""The two architectures of Lambda, and what each is called by whom."""

import platform
from typing import NamedTuple

from layer.errors import LayerError


class Architecture(NamedTuple):
    """`name` is Lambda's own; `machine` the ELF header's e_machine (System V ABI)."""

    name: str
    machine: int
    debian: str
    triplet: str
    loader: str
    wheels: str
    kernel: str


ARCHITECTURES = {
    "x86_64": Architecture(
        "x86_64", 62, "amd64", "x86_64-linux-gnu", "ld-linux-x86-64.so.2", "x86_64", "x86"
    ),
    "arm64": Architecture(
        "arm64", 183, "arm64", "aarch64-linux-gnu", "ld-linux-aarch64.so.1", "aarch64", "aarch64"
    ),
}


def of_this_machine() -> Architecture:
    """The architecture that builds. Raises LayerError."""
    machine = platform.machine()
    for architecture in ARCHITECTURES.values():
        if machine in (architecture.name, architecture.wheels):
            return architecture
    raise LayerError(f"cannot build on {machine}: x86_64 or arm64 is needed")
