"""One request, one reply: every status of the interface, with a message that says why."""

import _thread
import asyncio
import threading

import orjson
import pytest

from fastext import document
from fastext.cache import Cache
from fastext.document import Document
from fastext.errors import AccessDenied, TimedOut
from fastext.handler import Handler, origin_form
from fastext.logs import Log

FLAGS = b'{"a":{"enabled":true},"b":{"enabled":false}}'
BASE = b"/applications/shop/environments/production/configurations/"


class Scene:
    """A handler over two documents, and its log; anything else is fetched by `fetch`."""

    def __init__(self, fetch=None, level="info"):
        cache = self.cache = Cache()
        cache.put(("shop", "production", "flags"), Document(FLAGS, "application/json", "v1"))
        cache.put(("shop", "production", "text"), Document(b"x: 1\n", "text/plain"))
        self.log = []
        log = Log(level, lambda line: self.log.append(line.decode()))
        self.handler = Handler(cache, fetch or self.nothing, log, "1.2.3")

    async def nothing(self, key):
        raise AssertionError(f"fetched {key}")

    def ask(self, target, method=b"GET", fields=()):
        reply = self.handler.handle(method, target, fields)
        if asyncio.iscoroutine(reply):
            reply = asyncio.run(reply)
        return reply


def message(reply):
    assert b"Content-Type: application/json\r\n" in reply.head
    return orjson.loads(reply.body)["Message"]


@pytest.mark.parametrize(
    ("target", "content"),
    [(b"flags", FLAGS), (b"text", b"x: 1\n"), (b"flags?flag=a", b'{"enabled":true}'),
     (b"flags?flag=b&flag=a", FLAGS), (b"flags?unknown=1", FLAGS)],
)  # fmt: skip
def test_documents_and_flags_are_answered_from_the_cache(target, content):
    reply = Scene().ask(BASE + target)
    assert (reply.status, reply.body) == (200, content)


def test_an_absolute_target_is_the_same_resource():
    reply = Scene().ask(b"http://localhost:2772" + BASE + b"text")
    assert (reply.status, reply.body) == (200, b"x: 1\n")


@pytest.mark.parametrize("target", [b"/ping", b"/ping?x", b"http://localhost/ping"])
def test_ping_tells_the_version(target):
    reply = Scene().ask(target)
    assert (reply.status, orjson.loads(reply.body)) == (200, {"version": "1.2.3"})


@pytest.mark.parametrize(
    ("target", "status", "says"),
    [
        (BASE + b"flags?flag=z", 404, "configuration 'shop:production:flags': no such flag: 'z'"),
        (BASE + b"flags?flag=a&flag=z", 404, "no such flag: 'z'"),
        (BASE + b"text?flag=a", 400, "configuration 'shop:production:text' has no flags"),
        (BASE + b"flags?flag=", 400, "flag parameter is empty"),
        (BASE + b"fl%zz", 400, "configurations/fl%zz"),
        (BASE, 404, "nothing is served at"),
        (b"/", 404, "nothing is served at '/'"),
        (b"http://localhost", 404, "nothing is served at '/'"),
        (b"http:///ping", 400, "no authority"),
        (b"ftp://x/ping", 400, "neither a path nor an http:// URL"),
        (b"*", 400, "neither a path"),
    ],
)
def test_a_fault_of_the_caller_is_named(target, status, says):
    reply = Scene().ask(target)
    assert reply.status == status
    assert says in message(reply)


@pytest.mark.parametrize("target", [BASE + b"flags", b"/ping", b"/nothing", b"*"])
@pytest.mark.parametrize("method", [b"POST", b"OPTIONS", b"get"])
def test_other_methods_are_not_allowed(method, target):
    reply = Scene().ask(target, method)
    assert reply.status == 405
    assert b"Allow: GET, HEAD\r\n" in reply.head
    assert method.decode() in message(reply)


def test_what_is_not_cached_is_fetched():
    async def fetch(key):
        assert key == ("shop", "production", "new")
        return Document(FLAGS, "application/json")

    reply = Scene(fetch).ask(BASE + b"new?flag=b")
    assert (reply.status, reply.body) == (200, b'{"enabled":false}')


@pytest.mark.parametrize(
    ("fault", "status"), [(AccessDenied("configuration 'x': no"), 403), (TimedOut("late"), 504)]
)
def test_a_failed_fetch_is_told_with_its_status(fault, status):
    async def fetch(key):
        raise fault

    reply = Scene(fetch).ask(BASE + b"new")
    assert (reply.status, message(reply)) == (status, fault.message)


def test_an_unforeseen_failure_is_a_500_and_is_logged():
    async def fetch(key):
        raise ZeroDivisionError("inner secret")

    scene = Scene(fetch)
    reply = scene.ask(BASE + b"new")
    assert reply.status == 500
    assert "inner secret" not in message(reply)
    assert "ZeroDivisionError: inner secret" in scene.log[0]


def test_reads_are_logged_at_debug():
    scene = Scene(level="debug")
    scene.ask(BASE + b"text")
    assert "returned local data for 'shop:production:text' in " in scene.log[0]


@pytest.mark.parametrize(
    ("target", "form"),
    [(b"http://a/b?c", b"/b?c"), (b"HTTPS://a", b"/"), (b"http://a?b", b"/?b"),
     (b"http://a:1/", b"/")],
)  # fmt: skip
def test_origin_forms(target, form):
    assert origin_form(target) == form


def large_flags():
    flags = ",".join(f'"flag{n}":{{"enabled":true,"pad":"{"x" * 500}"}}' for n in range(1000))
    return f"{{{flags}}}".encode()


def test_the_flags_of_a_large_document_are_found_on_another_thread_once_for_all(monkeypatch):
    async def cached(key):
        return scene.cache.get(key)

    scene = Scene(cached)
    found_on = []
    index_flags = document.index_flags

    def index(content):
        found_on.append(threading.get_ident())
        return index_flags(content)

    monkeypatch.setattr(document, "index_flags", index)
    scene.cache.put(("a", "b", "c"), Document(large_flags(), "application/json"))
    target = b"/applications/a/environments/b/configurations/c?flag=flag7"

    async def ask_twice():
        return await asyncio.gather(*(scene.handler.handle(b"GET", target) for _ in range(2)))

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", None)  # it would wait for the new thread
        replies = asyncio.run(ask_twice())
    for reply in replies:
        assert reply.body.startswith(b'{"enabled":true')
    assert found_on
    assert found_on != [threading.get_ident()]
    assert len(found_on) == 1
    assert scene.ask(target).status == 200, "from now on at once"
    assert scene.handler.lookup(target) is not None


def test_where_there_is_no_room_for_a_thread_they_are_found_all_the_same(monkeypatch):
    async def cached(key):
        return scene.cache.get(key)

    def refuse(*_):
        raise RuntimeError("can't start new thread")

    scene = Scene(cached)
    scene.cache.put(("a", "b", "c"), Document(large_flags(), "application/json"))
    target = b"/applications/a/environments/b/configurations/c?flag=flag7"
    monkeypatch.setattr(_thread, "start_new_thread", refuse)

    async def ask():
        return await scene.handler.handle(b"GET", target)

    assert asyncio.run(ask()).body.startswith(b'{"enabled":true')


# ---------------------------------------------------------------- variants

VARIANTS = rb"""
color::[Blue::[(eq $country "NL"), "{\"_variant\":\"Blue\",\"enabled\":true}"],
        "{\"_variant\":\"Red\",\"enabled\":true}"]
plain::"{\"enabled\":true}"
"""
ION = "application/ion; type=AWS.AppConfig.FeatureFlags"
COLOR = b"/applications/a/environments/b/configurations/c?flag=color"


@pytest.fixture
def varied():
    scene = Scene()
    scene.cache.put(("a", "b", "c"), document.read_document(VARIANTS, ION, "v1", dict))
    return scene


def variant(reply):
    assert reply.status == 200
    assert b"Content-Type: application/json\r\n" in reply.head
    return orjson.loads(reply.body)["_variant"]


def test_the_caller_s_context_chooses_the_variant(varied):
    assert variant(varied.ask(COLOR)) == "Red"
    assert variant(varied.ask(COLOR, fields=[(b"context", b"country=NL")])) == "Blue"
    assert variant(varied.ask(COLOR, fields=[(b"context", b"country=BE,x=1")])) == "Red"
    whole = varied.ask(COLOR.partition(b"?")[0], fields=[(b"context", b"country=NL")])
    assert orjson.loads(whole.body) == {
        "color": {"_variant": "Blue", "enabled": True}, "plain": {"enabled": True},
    }  # fmt: skip


def test_the_same_context_gets_the_same_reply_without_evaluation(varied):
    first = varied.ask(COLOR, fields=[(b"context", b"a=1,country=NL")])
    assert varied.ask(COLOR, fields=[(b"context", b"country=NL"), (b"context", b"a=1")]) is first
    assert varied.ask(COLOR, fields=[(b"context", b"country=NL")]) is not first


def test_a_bad_context_is_refused_where_it_counts_and_nowhere_else(varied):
    bad = [(b"context", b"nonsense")]
    assert varied.ask(COLOR, fields=bad).status == 400
    assert varied.ask(COLOR.replace(b"color", b"plain"), fields=bad).status == 200
    assert varied.ask(BASE + b"flags?flag=a", fields=bad).status == 200


def test_an_unknown_flag_of_a_document_with_variants_is_named(varied):
    reply = varied.ask(COLOR.replace(b"color", b"x"))
    assert reply.status == 404
    assert message(reply) == "configuration 'a:b:c': no such flag: 'x'"


def test_a_hundred_thousand_contexts_leave_a_bounded_memory(varied):
    for number in range(2000):
        varied.ask(COLOR, fields=[(b"context", b"n=%d" % number)])
    kept = varied.cache.get(("a", "b", "c")).replies
    assert 0 < len(kept) <= 256


# ---------------------------------------------------------------- If-None-Match


def etag(reply):
    return reply.head.partition(b"ETag: ")[2].partition(b"\r\n")[0]


@pytest.mark.parametrize("target", [b"flags", b"flags?flag=a", b"flags?flag=a&flag=b", b"text"])
def test_who_has_it_already_is_told_so_without_it(target):
    scene = Scene()
    whole = scene.ask(BASE + target)
    tag = etag(whole)
    assert tag
    for wanted in (tag, b"*", b'"x", ' + tag, b"W/" + tag, b' "a,b" ,W/"" , ' + tag, b"x," + tag):
        reply = scene.ask(BASE + target, fields=[(b"if-none-match", wanted)])
        assert (reply.status, reply.body) == (304, b"")
        assert etag(reply) == tag
        assert b"Content-Length" not in reply.head
    for other in (
        b'"x"',
        tag.strip(b'"'),
        b"",
        b'"x,*,y"',
        b'"x, %b' % tag,
        b"W/",
        b'"x", *',
        tag[:-1],
    ):
        assert scene.ask(BASE + target, fields=[(b"if-none-match", other)]).status == 200


@pytest.mark.parametrize("target", [b"flags", b"flags?flag=a", b"text"])
def test_who_wants_something_else_is_told_that_it_is_not_there(target):
    scene = Scene()
    tag = etag(scene.ask(BASE + target))
    for wanted in (tag, b"*", b'"x", ' + tag):
        assert scene.ask(BASE + target, fields=[(b"if-match", wanted)]).status == 200
        both = [(b"if-none-match", tag), (b"if-match", wanted)]
        assert scene.ask(BASE + target, fields=both).status == 304
    for other in (b'"x"', b"W/" + tag, b"", tag[:-1]):
        reply = scene.ask(BASE + target, fields=[(b"if-none-match", tag), (b"if-match", other)])
        assert reply.status == 412


def test_what_differs_has_another_tag():
    scene = Scene()
    tags = {etag(scene.ask(BASE + target))
            for target in (b"flags", b"flags?flag=a", b"flags?flag=b", b"text")}  # fmt: skip
    assert len(tags) == 4
    assert etag(scene.ask(b"/ping")) == b""


def test_errors_are_never_not_modified():
    fields = [(b"if-none-match", b"*")]
    assert Scene().ask(BASE + b"flags?flag=z", fields=fields).status == 404


def test_of_a_flag_that_varies_every_variant_has_its_own_tag(varied):
    red, blue = varied.ask(COLOR), varied.ask(COLOR, fields=[(b"context", b"country=NL")])
    assert etag(red) != etag(blue)
    assert b"Vary: Context, Entity-Id\r\n" in red.head
    fields = [(b"context", b"country=NL"), (b"if-none-match", etag(red))]
    assert varied.ask(COLOR, fields=fields).status == 200
