"""`fastext._parse` once more, in plain Python with the standard library: what its tests trust."""

import json
from urllib.parse import unquote_to_bytes

from fastext.errors import BadRequest, UnknownFlag, UnknownPath

MAX_IDENTIFIER_CHARACTERS = 128
HEX = set("0123456789abcdefABCDEF")


def parse_target(target: bytes) -> tuple[tuple[str, str, str], tuple[str, ...]]:
    path, _, query = target.decode("latin-1").partition("?")
    segments = path.split("/")
    words = ["", "applications", None, "environments", None, "configurations", None]
    if len(segments) != len(words) or any(
        segment == "" if word is None else segment != word
        for segment, word in zip(segments, words, strict=True)
    ):
        raise UnknownPath("")
    application, environment, profile = (identifier(segments[place]) for place in (2, 4, 6))
    flags = []
    for item in query.split("&"):
        name, _, value = item.partition("=")
        if decode(name.replace("+", " ")) == "flag":
            flag = decode(value.replace("+", " "))
            if not flag:
                raise BadRequest("")
            flags.append(flag)
    return (application, environment, profile), tuple(dict.fromkeys(flags))


def identifier(segment: str) -> str:
    name = decode(segment)
    if len(name) > MAX_IDENTIFIER_CHARACTERS:
        raise BadRequest("")
    return name


def decode(text: str) -> str:
    pieces = text.split("%")
    if any(len(piece) < 2 or not set(piece[:2]) <= HEX for piece in pieces[1:]):
        raise BadRequest("")
    try:
        decoded = unquote_to_bytes(text.encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise BadRequest("") from None
    if any(ord(character) < 32 or ord(character) == 127 for character in decoded):
        raise BadRequest("")
    return decoded


def is_flags(content: bytes) -> bool:
    try:
        tree = json.loads(content.decode(), parse_constant=no_constant)
    except ValueError:
        return False
    return isinstance(tree, dict) and all(
        isinstance(value, dict) and (isinstance(value.get("enabled"), bool) or "_variants" in value)
        for value in tree.values()
    )


def no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def select_flags(content: bytes, names: tuple[str, ...]) -> object:
    """The decoded subset."""
    tree = json.loads(content)
    if any(name not in tree for name in names):
        raise UnknownFlag("")
    if len(names) == 1:
        return tree[names[0]]
    return {name: value for name, value in tree.items() if name in names}
