"""The pinned inputs: every file that the build takes from elsewhere, with its SHA-256."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from layer.errors import LayerError

LOCK = Path(__file__).with_name("lock.json")


class Input(NamedTuple):
    """One file. `origin` is debian, debian-source or pypi; `architecture` Debian's or `all`."""

    origin: str
    name: str
    version: str
    architecture: str
    file: str
    sha256: str


def read() -> list[Input]:
    """The pinned inputs. Raises LayerError where there are none."""
    try:
        return [Input(**entry) for entry in json.loads(LOCK.read_text())]
    except FileNotFoundError:
        raise LayerError(
            f"{LOCK} is missing: make it with ./build_layer.sh --update-lock"
        ) from None


def write(inputs: Iterable[Input]) -> None:
    entries = [entry._asdict() for entry in sorted(set(inputs))]
    lines = ",\n".join("  " + json.dumps(entry) for entry in entries)
    LOCK.write_text(f"[\n{lines}\n]\n")


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
