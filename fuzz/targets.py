"""Any target gets one well-formed reply, and names the configuration and flags the oracle names."""

import asyncio
import contextlib

import h11
import oracle

from fastext._lane import Reply
from fastext._parse import parse_configuration, parse_target
from fastext.cache import Cache
from fastext.document import Document, Key
from fastext.errors import BadRequest, FastextError, NotFound, RequestError, UnknownPath
from fastext.handler import Handler, origin_form
from fastext.logs import Log

BASE = b"/applications/a/environments/e/configurations/c"
WORDS = (
    BASE, b"/applications/", b"/environments/", b"/configurations/", b"/", b"//", b"?", b"&",
    b"?flag=", b"&flag=", b"flag", b"fl%61g", b"=", b"x", b"%2F", b"%2f", b"%00", b"%0a", b"%7F",
    b"%ff", b"%C3%BC", b"%ed%a0%80", b"%zz", b"%", b"+", b"..", b".", b":", b"http://", b"HTTPS://",
    b"/ping", b"#", b"a" * 127, b"%41" * 129,
)  # fmt: skip

FLAGS = b'{"x":{"enabled":true},"y z":{"enabled":false}}'


async def fetch(key: Key) -> Document:
    if key[2].startswith("c"):
        return Document(repr(key).encode(), "text/plain")
    raise NotFound(f"no {key}", {"ResourceType": key[0]})


def handler_with_flags() -> Handler:
    cache = Cache()
    cache.put(("a", "e", "c"), Document(FLAGS, "application/json"))
    return Handler(cache, fetch, Log("none"), "0")


def answer(handler: Handler, target: bytes, *fields: tuple[bytes, bytes]) -> Reply:
    reply = handler.handle(b"GET", target, fields)
    return reply if isinstance(reply, Reply) else asyncio.run(awaited(reply))


async def awaited(reply: object) -> Reply:
    got = await reply  # type: ignore[misc]
    assert isinstance(got, Reply)
    return got


def one_reply(reply: Reply) -> bytes:
    """Its content, if h11 takes what goes out for exactly one reply."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "l")]))
    client.send(h11.EndOfMessage())
    client.receive_data(b"".join(reply.buffers(b"Sun, 06 Nov 1994", b"", with_body=True)))
    head = client.next_event()
    assert isinstance(head, h11.Response)
    content = b""
    while not isinstance(event := client.next_event(), h11.EndOfMessage):
        assert isinstance(event, h11.Data)
        content += bytes(event.data)
    assert client.trailing_data == (b"", False)
    return content


def expected(target: bytes) -> tuple[Key, tuple[str, ...]] | type[FastextError]:
    try:
        return oracle.parse_target(target)
    except RequestError as fault:
        return type(fault)


def found(target: bytes) -> tuple[Key, tuple[str, ...]] | type[FastextError]:
    try:
        route = parse_target(target)
    except RequestError as fault:
        return type(fault)
    return route.key, route.flags


HANDLER = handler_with_flags()


def check(data: bytes) -> bool:
    assert found(data) == expected(data)
    with contextlib.suppress(BadRequest, UnknownPath):
        parse_configuration(data.decode("utf-8", "replace"))
    reply = answer(HANDLER, data)
    content = one_reply(reply)
    try:
        known = expected(origin_form(data))
    except BadRequest:
        known = BadRequest
    if isinstance(known, type):
        fixed = origin_form(data).partition(b"?")[0] if known is UnknownPath else b""
        ours = reply.status == 200 and fixed in (b"/ping", b"/status")
        assert reply.status == known.status or ours, (reply.status, known)
    elif known[0] == ("a", "e", "c"):
        assert reply.status == (200 if set(known[1]) <= {"x", "y z"} else 404)
    elif not known[0][2].startswith("c"):
        assert reply.status == 404
    elif known[1]:
        assert reply.status == 400
    else:
        assert (reply.status, content) == (200, repr(known[0]).encode())
    return reply.status != 404 and not isinstance(known, type)
