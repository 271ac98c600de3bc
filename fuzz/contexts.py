"""Any Context and Entity-Id fields are texts by key or a 400; never another caller's evaluation.

An input is one field line after the other. What they say reaches the rules as it was said, by the
lane and by the handler alone.
"""

import contextlib

from scene import get, new_lane

from fastext.cache import Cache
from fastext.context import MAX_PAIRS, read_context
from fastext.document import read_document
from fastext.errors import BadRequest
from fastext.handler import Handler
from fastext.logs import Log
from fastext.request import read_head
from fuzz.targets import BASE, answer, fetch, one_reply

WORDS = (
    b"Context: ", b"context:", b"CONTEXT: a=1", b"Entity-Id: ", b"Host: x", b"X: y", b"\r\n", b"=",
    b",", b" , ", b"a=", b"a=1", b"a=2", b"b=true", b"entityId=u", b"==", b"\xc3\xbc", b"\xfc",
    b"\xe2\x80\xa8", b"\t", b" ", b"%2C", b'"', b"a=1,a=2", b"k=v," * 300,
)  # fmt: skip

DOCUMENT = (
    b'{"f":{"_variants":[{"name":"one","enabled":true,"rule":"(eq $a 1)"},'
    b'{"name":"some","enabled":true,"rule":"(split pct::50 by::$entityId seed::\\"s\\")"},'
    b'{"name":"b","enabled":true,"rule":"(and $b (exists key::\\"b\\"))"},'
    b'{"name":"none","enabled":false}]},"plain":{"enabled":true}}'
)


def new_handler() -> Handler:
    cache = Cache()
    cache.put(("a", "e", "c"), read_document(DOCUMENT, "application/json", "", dict))
    return Handler(cache, fetch, Log("none"), "0")


HANDLER = new_handler()


def check(data: bytes) -> bool:
    lines = [line for line in data.split(b"\r\n") if b":" in line]
    fields = []
    for line in lines:
        name, _, value = line.partition(b":")
        fields.append((name.strip().lower(), value.strip(b" \t")))
    context = None
    with contextlib.suppress(BadRequest):
        context = read_context(fields)
        check_context(context)
    new = answer(new_handler(), BASE, *fields)
    kept = answer(HANDLER, BASE, *fields)
    assert (new.status, one_reply(new)) == (kept.status, one_reply(kept))
    assert new.status == (400 if context is None else 200)
    check_lane(get(BASE, b"".join(line + b"\r\n" for line in lines)))
    return context is not None


def check_context(context: dict[str, str]) -> None:
    assert len(context) <= MAX_PAIRS
    for key, value in context.items():
        assert key == key.strip()
        assert key
        key.encode()
        value.encode()


def check_lane(request: bytes) -> None:
    """What the lane answers is what a handler that has seen nobody else answers."""
    lane = new_lane(HANDLER, lambda: b"Sun, 06 Nov 1994")
    others = (get(BASE), get(BASE, b"Context: a=1\r\n"))
    for one in (request, *others, request, *others, request):
        got = lane.answer(one)
        assert got is not None or one is request, "a simple request"
        if got is not None:
            head = read_head(one)
            assert head.target == BASE
            alone = answer(new_handler(), head.target, *head.fields)
            assert got[0].partition(b"\r\n\r\n")[2] == alone.body
            assert got[0].startswith(b"HTTP/1.1 %d " % alone.status)
