"""What the layer's checks need to know of an ELF file (System V ABI, 64-bit little-endian)."""

import struct
from pathlib import Path
from typing import NamedTuple

_INTERP, _DYNAMIC = 3, 2
_NEEDED, _RPATH, _RUNPATH = 1, 15, 29
_SHT_DYNSYM = 11


class Elf(NamedTuple):
    """`machine` is e_machine; `undefined` are the dynamic symbols that others have to give."""

    machine: int
    interpreter: str
    needed: tuple[str, ...]
    rpath: str
    runpath: str
    undefined: tuple[str, ...]
    defined: tuple[str, ...]


def is_elf(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"\x7fELF"


def read(path: Path) -> Elf:
    """Read `path`. Raises ValueError where it is no 64-bit little-endian ELF file."""
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError(f"{path.name} is no 64-bit little-endian ELF file")
    (machine,) = struct.unpack_from("<H", data, 18)
    segments_at, sections_at = struct.unpack_from("<QQ", data, 32)
    _, segments, _, sections, _ = struct.unpack_from("<HHHHH", data, 54)
    loads, dynamic, interpreter = [], b"", ""
    for number in range(segments):
        kind, _, offset, address, _, size, _, _ = struct.unpack_from(
            "<IIQQQQQQ", data, segments_at + 56 * number
        )
        if kind == 1:
            loads.append((address, offset, size))
        elif kind == _DYNAMIC:
            dynamic = data[offset : offset + size]
        elif kind == _INTERP:
            interpreter = data[offset : offset + size].rstrip(b"\0").decode()
    entries = list(struct.iter_unpack("<qQ", dynamic))
    strings_at = next((value for tag, value in entries if tag == 5), 0)
    strings = next((at - a + o for a, o, s in loads if a <= (at := strings_at) < a + s), 0)

    def string(offset: int, table: int = strings) -> str:
        return data[table + offset : data.index(b"\0", table + offset)].decode()

    def strings_of(wanted: int) -> tuple[str, ...]:
        return tuple(string(value) for tag, value in entries if tag == wanted)

    undefined: list[str] = []
    defined: list[str] = []
    for number in range(sections):
        _, kind, _, _, offset, size = struct.unpack_from("<IIQQQQ", data, sections_at + 64 * number)
        if kind == _SHT_DYNSYM:
            for name, _, _, section, _, _ in struct.iter_unpack(
                "<IBBHQQ", data[offset : offset + size]
            ):
                if name:
                    (defined if section else undefined).append(string(name))
    return Elf(
        machine,
        interpreter,
        strings_of(_NEEDED),
        ":".join(strings_of(_RPATH)),
        ":".join(strings_of(_RUNPATH)),
        tuple(undefined),
        tuple(defined),
    )
