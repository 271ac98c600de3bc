"""Taking in a new document: as opaque bytes, and read for its flags when those are asked for."""

import json
from collections.abc import Callable
from functools import cache, partial

import msgspec
import orjson

from benches.harness import documents, micro
from benches.harness.micro import Micro
from benches.harness.suite import Group
from fastext.document import Document

GROUP = "update"
SIZES = (10, 100, 1000, 10_000)

Prepared = tuple[Callable[[bytes], object], tuple[bytes]]


@cache
def content(size: int) -> bytes:
    return documents.flags_document(size)


def taken_in(document: bytes) -> Document:
    return Document(document, "application/json", "v1")


def read_for_flags(document: bytes) -> object:
    return Document(document, "application/json", "v1").flags


def bytes_only(size: int) -> Prepared:
    assert taken_in(content(size)).content == content(size)
    return taken_in, (content(size),)


def with_flags(size: int) -> Prepared:
    index = Document(content(size), "application/json").flags
    assert index is not None
    assert len(index) == size
    return read_for_flags, (content(size),)


def decoder(decode: Callable[[bytes], object]) -> Callable[[int], Prepared]:
    def prepare(size: int) -> Prepared:
        assert decode(content(size)) == json.loads(content(size))
        return decode, (content(size),)

    return prepare


SUBJECTS: dict[str, Callable[[int], Prepared]] = {
    "fastext": bytes_only,
    "fastext, asked for flags": with_flags,
    "orjson.loads": decoder(orjson.loads),
    "msgspec": decoder(msgspec.json.decode),
    "json.loads": decoder(json.loads),
}

MICRO = [
    Micro(f"{size:,} flags", subject, partial(prepare, size))
    for size in SIZES
    for subject, prepare in SUBJECTS.items()
]

UPDATE = Group(GROUP, "a new document of so many flags", micro.cases(GROUP, MICRO))
