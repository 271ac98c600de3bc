"""Documents are decoded where there is memory for it, and nothing dies where there is none."""

import os
import resource

import pytest

from fastext._parse import is_json
from fastext.decoding import PIECE_BYTES, JSONDecodeError, decode, decoded_bytes

SIZE = 300_000
CRASHED, DECODED, REFUSED, MISREAD = "crashed", 0, 3, 4

# What takes the most memory for each byte, one way or another.
DENSE = {
    "a text": b'{"a":"%b"}' % (b"x" * SIZE),
    "a text of four bytes a character": ('["' + "x" * SIZE + '\U0001f600"]').encode(),
    "texts": b"[%b]" % b",".join(b'"%d"' % number for number in range(SIZE // 8)),
    "a text of four bytes a character, escaped": b'["%b\\ud83d\\ude00"]' % (b"x" * 4_000_000),
    "escapes": b'["%b"]' % (b"\\u20ac" * (SIZE // 6)),
    "empty objects": b"[%b]" % b",".join([b"{}"] * (SIZE // 3)),
    "empty arrays": b"[%b]" % b",".join([b"[]"] * (SIZE // 3)),
    "objects": b"[%b]" % b",".join([b'{"a":1}'] * (SIZE // 8)),
    "arrays": b"[%b]" % b",".join([b"[1]"] * (SIZE // 4)),
    "nested arrays": b"[%b]" % b",".join([b"[" * 500 + b"]" * 500] * (SIZE // 1000)),
    "nested objects": b"[%b]" % b",".join([b'{"":' * 500 + b"1" + b"}" * 500] * (SIZE // 2500)),
    "small numbers": b"[%b]" % b",".join([b"1"] * (SIZE // 2)),
    "numbers": b"[%b]" % b",".join([b"-9"] * (SIZE // 3)),
    "keys": b"{%b}" % b",".join(b'"%x":1' % number for number in range(SIZE // 10)),
    "flags": b"{%b}"
    % b",".join(
        b'"flag%d":{"enabled":true,"n":%d,"s":"v%d"}' % (n, n, n) for n in range(SIZE // 45)
    ),
}


def decoded_with(content, room_bytes):
    """What becomes of decoding `content` where a process may have so many bytes more."""
    child = os.fork()
    if child == 0:
        with open("/proc/self/statm") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + room_bytes,) * 2)
        try:
            decode(content)
        except MemoryError:
            os._exit(REFUSED)
        except BaseException:
            os._exit(MISREAD)
        os._exit(DECODED)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status if status >= 0 else CRASHED


@pytest.mark.parametrize("name", DENSE)
def test_a_document_is_decoded_where_there_is_room_and_refused_where_there_is_none(name):
    content = DENSE[name]
    needed = decoded_bytes(content) + 2 * PIECE_BYTES
    outcomes = [decoded_with(content, needed * part // 20) for part in range(1, 22)]
    assert set(outcomes) <= {DECODED, REFUSED}
    assert outcomes[0] == REFUSED
    assert outcomes[-1] == DECODED


@pytest.mark.parametrize(
    "content",
    [b"", b" ", b"1", b" [1, 2] ", b"[1,]", b'"a"', b"nul", b"{}", b'{"a":{"b":[null]}}', b"1 2",
     b"[" * 1000 + b"]" * 1000, b"[" * 1100 + b"]" * 1100, b'"\xff"', b"\x00"],
)  # fmt: skip
def test_valid_json_is_told_without_decoding_it(content):
    try:
        decode(content)
        valid = True
    except JSONDecodeError:
        valid = False
    assert is_json(content) is valid
