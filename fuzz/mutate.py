"""Changes that keep most of an input's structure: pieces are moved, repeated, dropped, replaced."""

import re
from collections.abc import Sequence
from random import Random

# Where the things that are read here have their joints: line ends, brackets, separators, escapes.
PIECE = re.compile(rb"\r\n|[\w$.-]+|\s+|.", re.S)

MAX_BYTES = 8192

# What a number is replaced by: bounds of the types and limits that numbers meet.
NUMBERS = (b"0", b"-0", b"1", b"9", b"-1", b"00", b"127", b"128", b"255", b"256", b"65535",
           b"65536", b"65537", b"2147483648", b"4294967296", b"9007199254740993",
           b"9223372036854775808", b"18446744073709551616", b"1e308", b"1e309", b"1e-400",
           b"0x10", b"1_000", b"+1", b"." , b"1.", b"9" * 400)  # fmt: skip
BYTES = (b"\0", b"\x01", b"\t", b"\x0b", b"\n", b"\r", b"\r\n", b" ", b'"', b"'", b"%", b"&", b"+",
         b",", b":", b";", b"=", b"?", b"#", b"\\", b"\x7f", b"\x80", b"\xc0\x80", b"\xc3\xbc",
         b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xf4\x90\x80\x80", b"\xff",
         b"\xe2\x80\xa8")  # fmt: skip


def mutate(data: bytes, random: Random, words: Sequence[bytes], others: Sequence[bytes]) -> bytes:
    """`data` with one to four changes; `others` are inputs from which pieces may come."""
    for _ in range(random.choice((1, 1, 2, 4))):
        data = random.choice(CHANGES)(data, random, words, others)[:MAX_BYTES]
    return data


def span(pieces: Sequence[bytes], random: Random) -> slice:
    """A few pieces that follow each other."""
    start = random.randrange(len(pieces) + 1)
    return slice(start, min(len(pieces), start + random.choice((0, 1, 1, 2, 5, 20))))


def replaced(data: bytes, random: Random, by: bytes) -> bytes:
    pieces = PIECE.findall(data)
    pieces[span(pieces, random)] = [by]
    return b"".join(pieces)


def word(data: bytes, random: Random, words: Sequence[bytes], others: Sequence[bytes]) -> bytes:
    return replaced(data, random, random.choice(words))


def byte(data: bytes, random: Random, words: Sequence[bytes], others: Sequence[bytes]) -> bytes:
    return replaced(data, random, random.choice(BYTES))


def spliced(data: bytes, random: Random, words: Sequence[bytes], others: Sequence[bytes]) -> bytes:
    pieces = PIECE.findall(random.choice(others) if others else data)
    return replaced(data, random, b"".join(pieces[span(pieces, random)]))


def dropped(data: bytes, random: Random, words: Sequence[bytes], others: Sequence[bytes]) -> bytes:
    return replaced(data, random, b"")


def repeated(data: bytes, random: Random, words: Sequence[bytes], others: Sequence[bytes]) -> bytes:
    pieces = PIECE.findall(data)
    some = span(pieces, random)
    pieces[some] = pieces[some] * random.choice((2, 2, 3, 20, 200))
    return b"".join(pieces)


def moved(data: bytes, random: Random, words: Sequence[bytes], others: Sequence[bytes]) -> bytes:
    pieces = PIECE.findall(data)
    some = span(pieces, random)
    taken = pieces[some]
    del pieces[some]
    place = random.randrange(len(pieces) + 1)
    pieces[place:place] = taken
    return b"".join(pieces)


def cut(data: bytes, random: Random, words: Sequence[bytes], others: Sequence[bytes]) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def joined(data: bytes, random: Random, words: Sequence[bytes], others: Sequence[bytes]) -> bytes:
    return data + (random.choice(others) if others else data)


def recased(data: bytes, random: Random, words: Sequence[bytes], others: Sequence[bytes]) -> bytes:
    pieces = PIECE.findall(data)
    some = span(pieces, random)
    pieces[some] = [piece.swapcase() for piece in pieces[some]]
    return b"".join(pieces)


def number(data: bytes, random: Random, words: Sequence[bytes], others: Sequence[bytes]) -> bytes:
    found = list(re.finditer(rb"\d+", data))
    if not found:
        return replaced(data, random, random.choice(NUMBERS))
    one = random.choice(found)
    return data[: one.start()] + random.choice(NUMBERS) + data[one.end() :]


def flipped(data: bytes, random: Random, words: Sequence[bytes], others: Sequence[bytes]) -> bytes:
    if not data:
        return data
    place = random.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :]


CHANGES = (word, word, word, byte, spliced, spliced, dropped, repeated, moved, cut, joined, recased,
           number, flipped)  # fmt: skip
