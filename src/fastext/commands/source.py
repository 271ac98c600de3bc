"""A local document in any form that the engine reads, and as the engine reads it."""

import json
from dataclasses import dataclass, field
from typing import Any

import orjson

from fastext._parse import index_flags, select_flags
from fastext.commands.storage import is_storage, served
from fastext.context import read_context
from fastext.errors import BadRequest, ContentError
from fastext.ion import parse_symbols
from fastext.ion_binary import VERSION_MARKER
from fastext.rules import VariantFlags
from fastext.variants import Variant, compiled, parse_ion_flags, parse_json_flags

STORAGE = "storage form"
RETRIEVAL = "JSON"
VARIANTS = "JSON with _variants"
ION_TEXT = "Ion text"
ION_BINARY = "Ion binary"


class Unusable(Exception):
    """What a command was given cannot be used; the message is one line for its user."""


class Members(dict[str, Any]):
    """A JSON object that remembers the names that it has more than once."""

    repeated: tuple[str, ...] = ()


@dataclass
class Source:
    """A document. `flags` are its flags as parsed, and `engine` as they are served.

    `form` is one of the forms above; `notes` tell what was done to it or is amiss.
    """

    path: str
    form: str
    flags: dict[str, list[Variant] | bytes]
    engine: VariantFlags
    notes: list[str] = field(default_factory=list)

    def flag(self, name: str) -> list[Variant] | bytes:
        """Raises Unusable if there is none."""
        if name not in self.flags:
            names = ", ".join(self.flags) or "none at all"
            raise Unusable(f"{self.path} has no flag '{name}'; it has {names}")
        return self.flags[name]


def read_source(path: str, symbols: str | None) -> Source:
    """Raises Unusable."""
    content = read_file(path)
    notes: list[str] = []
    try:
        tree = None if is_ion(content) else json_of(content, path)
        if tree is None:
            form = ION_BINARY if content.startswith(VERSION_MARKER) else ION_TEXT
            parsed = parse_ion_flags(content, read_symbols(symbols))
        else:
            form = RETRIEVAL
            if is_storage(tree):
                form = STORAGE
                content = orjson.dumps(served(tree))
                notes.append("it is in the storage form; what follows is what the service serves")
            parsed = json_flags(content, path)
            if form == RETRIEVAL and any(isinstance(flag, list) for flag in parsed.values()):
                form = VARIANTS
        read = compiled(parsed)
    except ContentError as fault:
        raise Unusable(
            f"{path} is refused as a whole: {fault.message}; `fastext lint` names every fault"
        ) from None
    assert read.flags is not None
    return Source(path, form, parsed, read.flags, notes + read.warnings)


def read_file(path: str) -> bytes:
    """Raises Unusable."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as fault:
        raise Unusable(f"{path} cannot be read: {fault.strerror}") from None


def read_symbols(path: str | None) -> dict[int, str]:
    """Raises Unusable."""
    if path is None:
        return {}
    try:
        return parse_symbols(read_file(path))
    except ValueError as fault:
        raise Unusable(f"{path} {fault}") from None


def is_ion(content: bytes) -> bool:
    """Whether a document is to be read as Ion.

    In Ion every flag is annotated with its name, so a document never begins as JSON's do.
    """
    start = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return content.startswith(VERSION_MARKER) or start not in (b"{", b"[", b"")


def json_of(content: bytes, path: str) -> Any:
    """The tree of a JSON document, its objects as Members. Raises Unusable with the place."""
    try:
        return json.loads(
            content.decode(), object_pairs_hook=_members, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as fault:
        where = f"line {fault.lineno}, column {fault.colno}"
        raise Unusable(f"{path} is not JSON: {fault.msg} ({where})") from None
    except UnicodeDecodeError as fault:
        raise Unusable(f"{path} is not UTF-8, at byte {fault.start}") from None
    except ValueError as fault:
        raise Unusable(f"{path} is not JSON: {fault}") from None
    except RecursionError:
        raise Unusable(f"{path} is not read: it is nested too deeply") from None


def _members(pairs: list[tuple[str, Any]]) -> Members:
    members = Members(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        members.repeated = tuple(name for name in members if names.count(name) > 1)
    return members


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def json_flags(content: bytes, path: str) -> dict[str, list[Variant] | bytes]:
    """The flags of JSON in the retrieval form. Raises Unusable or ContentError."""
    parsed = parse_json_flags(content)
    if parsed is not None:
        return parsed
    index = index_flags(content)
    if index is None:
        raise Unusable(
            f"{path} is no feature-flag document: it is not an object whose every member is an "
            "object with a boolean `enabled`, or with `_variants`; `fastext lint` says more"
        )
    return {name: select_flags(index, (name,)) for name in orjson.loads(content)}


def context_of(pairs: list[str], entity_id: str | None = None) -> dict[str, str]:
    """The context that a caller's header fields of these values would give. Raises Unusable."""
    fields = [(b"context", pair.encode()) for pair in pairs]
    if entity_id is not None:
        fields.append((b"entity-id", entity_id.encode()))
    try:
        return read_context(fields)
    except BadRequest as fault:
        raise Unusable(f"{fault.message}; it is {', '.join(map(repr, pairs))}") from None
