"""JSON by orjson, where there is the memory for it.

orjson 3 copies a string to where Python's allocator has put it without looking whether there is
such a place: where there is none the process dies. So it is made sure of first.
"""

from orjson import JSONDecodeError, loads

from fastext._memory import check_room

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["JSONDecodeError", "decode"]

# Python's allocator takes its memory from the system in pieces of this size.
PIECE_BYTES = 1024 * 1024

# For each byte of a document: the densest, such as `{{},{},`, become objects of 64 bytes and more.
MOST_FOR_A_BYTE = 200


def decode(content: bytes) -> "Any":
    """The value that `content` is. Raises JSONDecodeError or MemoryError."""
    try:
        check_room(MOST_FOR_A_BYTE * len(content) + 2 * PIECE_BYTES)
    except MemoryError:
        check_room(decoded_bytes(content) + 2 * PIECE_BYTES)
    return loads(content)


def decoded_bytes(content: bytes) -> int:
    """At most so much is needed at once to decode `content`, counted by what it has most of."""
    buffer = 14 * len(content)  # orjson's own
    # A string with one character beyond those of the alphabet has four bytes for each of them.
    texts = len(content) * (4 if b"\\u" in content or not content.isascii() else 1)
    values = 64 * (content.count(b",") + content.count(b'"') // 2)
    return buffer + texts + values + 128 * content.count(b"[") + 320 * content.count(b"{")
