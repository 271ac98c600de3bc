"""Binary Ion as AWS AppConfig sends it: a symbol table with imports, then one value per flag."""

import struct
from collections.abc import Iterable, Mapping, Sequence

from fastext.ion import Annotated, Sexp, Symbol, UnknownSymbol

VERSION_MARKER = b"\xe0\x01\x00\xea"
SYSTEM = {"name": 4, "version": 5, "imports": 6, "symbols": 7, "max_id": 8}
OPS_AND_ANNS = (("ops", 23), ("anns", 12))

# The symbol IDs under these imports that have been seen.
SEEN = {"and": 10, "or": 11, "not": 12, "eq": 13, "in": 22, "split": 23, "exists": 24,
        "by": 38, "pct": 39, "seed": 40, "key": 43}  # fmt: skip


def encode(
    values: Sequence[object],
    imports: Iterable[tuple[str, int]] = OPS_AND_ANNS,
    shared: Mapping[str, int] = SEEN,
) -> bytes:
    """A document. Symbols in `shared` are written by that ID, all others as local symbols."""
    return _Encoder(tuple(imports), shared).document(values)


def varuint(number: int) -> bytes:
    groups = [number & 0x7F | 0x80]
    while number := number >> 7:
        groups.append(number & 0x7F)
    return bytes(reversed(groups))


def typed(kind: int, content: bytes) -> bytes:
    """A value of that type code: its descriptor and its content."""
    if len(content) < 14:
        return bytes([kind << 4 | len(content)]) + content
    return bytes([kind << 4 | 14]) + varuint(len(content)) + content


def magnitude(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


class _Encoder:
    def __init__(self, imports: Sequence[tuple[str, int]], shared: Mapping[str, int]) -> None:
        self._imports = imports
        self._known = {**SYSTEM, **shared}
        self._next = 10 + sum(size for _, size in imports)
        self._local: list[str] = []

    def document(self, values: Sequence[object]) -> bytes:
        content = b"".join(map(self.value, values))
        return VERSION_MARKER + self._symbol_table() + content

    def _symbol_table(self) -> bytes:
        fields: dict[str, object] = {"symbols": list(self._local)}
        if self._imports:
            fields["imports"] = [
                {"name": name, "version": 1, "max_id": size} for name, size in self._imports
            ]
        return typed(14, b"\x81\x83" + self.value(fields))

    def _sid(self, text: str) -> int:
        if text not in self._known:
            self._known[text] = self._next
            self._next += 1
            self._local.append(str(text))
        return self._known[text]

    def value(self, value: object) -> bytes:
        match value:
            case None:
                return b"\x0f"
            case bool():
                return bytes([0x10 | value])
            case int():
                return typed(2 if value >= 0 else 3, magnitude(abs(value)))
            case float():
                return typed(4, struct.pack(">d", value))
            case UnknownSymbol():
                return typed(7, magnitude(value.sid))
            case Symbol():
                return typed(7, magnitude(self._sid(value)))
            case str():
                return typed(8, value.encode())
            case bytes():
                return typed(10, value)
            case list():
                content = b"".join(map(self.value, value))
                return typed(12 if isinstance(value, Sexp) else 11, content)
            case dict():
                fields = (varuint(self._sid(k)) + self.value(v) for k, v in value.items())
                content = b"".join(fields)
                # Length 1 would say that the fields are ordered.
                return b"\xde\x81" + content if len(content) == 1 else typed(13, content)
            case Annotated():
                names = b"".join(map(self._annotation, value.annotations))
                content = varuint(len(names)) + names + self.value(value.value)
                return typed(14, content)
        raise TypeError(type(value))

    def _annotation(self, name: Symbol | UnknownSymbol) -> bytes:
        return varuint(name.sid if isinstance(name, UnknownSymbol) else self._sid(name))
