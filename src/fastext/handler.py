"""One request to one reply: the target is read, the document found, the flags cut out.

A document that is not cached yet is awaited through `fetch`, which the composition root hands in;
this side knows nothing else of the poller. A fault of any kind becomes a reply here: nothing that
a caller sends may end a connection's task, let alone the process.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence

from fastext import response
from fastext._lane import Reply
from fastext._parse import FlagIndex, Route, parse_target, select_flags
from fastext.cache import Cache
from fastext.context import read_context
from fastext.document import Document, Key, key_text
from fastext.errors import (
    BadRequest,
    FastextError,
    MethodNotAllowed,
    Misdirected,
    NotFeatureFlags,
    PreconditionFailed,
    RequestError,
    Unauthorized,
    UnknownFlag,
)
from fastext.logs import Log, duration
from fastext.workers import Workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastext.access import Access
    from fastext.console import Console
    from fastext.hosts import Hosts
    from fastext.rules import VariantFlags

NO_STORE = b"Cache-Control: no-store\r\n"

PING_FIELDS = b"Content-Type: application/json\r\n"

# Header fields: lower-case name and value.
Fields = Sequence[tuple[bytes, bytes]]

JSON = "application/json"

# Evaluated replies that a document keeps, by flags and context; larger ones are not kept.
MAX_KEPT_REPLIES = 256
MAX_KEPT_BODY_BYTES = 16 * 1024

# The largest document takes less than a second of a whole processor.
LONGEST_INDEXING_S = 60.0

# Targets are shown in messages up to this length.
_SHOWN = 200


class Handler:
    """Answers requests from `cache`, and by `fetch` for what is not in it.

    `fetch` takes a key and gives an awaitable of its document, or raises our errors; it merges
    concurrent calls for one key. `version` is what `/ping` tells, `status` what `/status` does.
    `access` guards all but `/ping` and the page of `console`, which is there for people; `hosts`
    guards all.
    """

    __slots__ = ("_access", "_cache", "_console", "_fetch", "_hosts", "_indexing", "_log", "_ping",
                 "_status")  # fmt: skip

    def __init__(
        self,
        cache: Cache,
        fetch: Callable[[Key], Awaitable[Document]],
        log: Log,
        version: str,
        status: Callable[[], dict[str, object]] = dict,
        access: "Access | None" = None,
        hosts: "Hosts | None" = None,
        console: "Console | None" = None,
    ) -> None:
        self._cache = cache
        self._fetch = fetch
        self._log = log
        self._indexing: dict[Document, asyncio.Future[FlagIndex | None]] = {}
        self._status = status
        self._access = access
        self._console = console
        self._hosts = hosts
        # Made without a JSON module, because it may be asked before one is loaded.
        self._ping = Reply(200, PING_FIELDS, b'{"version":"%b"}' % version.encode("ascii"))

    def handle(self, method: bytes, target: bytes, fields: Fields = ()) -> Reply | Awaitable[Reply]:
        """The reply, or for a document that must be fetched an awaitable of it; never raises.

        `fields` are the request's, by lower-case name.
        """
        if self._hosts is not None and not self._hosts.serves(target, fields):
            return response.error(
                Misdirected(
                    "nothing is served under this Host, but under localhost, addresses, HTTP_HOST "
                    "and what FASTEXT_ALLOWED_HOSTS names"
                )
            )
        if self._access is not None and not (self._access.granted(fields) or self._open(target)):
            return response.error(Unauthorized("the access token is missing or wrong"))
        if method not in (b"GET", b"HEAD"):
            name, shown = method[:_SHOWN].decode("latin-1"), target[:_SHOWN].decode("latin-1")
            message = f"method {name} is not allowed, use GET or HEAD (for '{shown}')"
            return response.error(MethodNotAllowed(message))
        reply = self.lookup(target, fields)
        return self._answer_later(target, fields) if reply is None else conditional(reply, fields)

    def lookup(self, target: bytes, fields: Fields = ()) -> Reply | None:
        """The reply to a GET of `target`, or None where it must be fetched first; never raises."""
        try:
            path = target
            if not path.startswith(b"/applications/"):
                path = origin_form(target)
                resource = path.partition(b"?")[0]
                if resource == b"/ping":
                    return self._ping
                if resource == b"/status":
                    return response.json(200, self._status(), NO_STORE, fleeting=True)
                if self._console is not None and self._console.serves(path):
                    return self._console.lookup(path)
            route = parse_target(path)
            document = self._cache.get(route.key)
            if document is None:
                return None
            if route.flags and not document.flags_known and not document.flags_at_once:
                return None
            if self._log.debugging:
                return self._answer_and_log(route, document, fields)
            return answer(route, document, fields)
        except RequestError as fault:
            if isinstance(fault, BadRequest):
                fault.message = f"{fault.message} (in '{target[:_SHOWN].decode('latin-1')}')"
            return response.error(fault)
        except Exception as fault:
            return self._unforeseen(fault)

    def _answer_and_log(self, route: Route, document: Document, fields: Fields) -> Reply:
        start = time.perf_counter()
        reply = answer(route, document, fields)
        took = duration(time.perf_counter() - start)
        self._log.debug(f"returned local data for '{key_text(route.key)}' in {took}")
        return reply

    async def _answer_later(self, target: bytes, fields: Fields) -> Reply:
        try:
            path = origin_form(target)
            if self._console is not None and self._console.serves(path):
                return await self._console.explain(path, fields)
            route = parse_target(path)
            document = await self._fetch(route.key)
            if route.flags and not document.flags_at_once:
                await self._indexed(document)
            return conditional(answer(route, document, fields), fields)
        except FastextError as fault:
            return response.error(fault)
        except Exception as fault:
            return self._unforeseen(fault)

    async def _indexed(self, document: Document) -> None:
        """Find the flags of a large document on another thread, once for all who wait."""
        indexing = self._indexing.get(document)
        if indexing is None:
            workers = Workers(asyncio.get_running_loop(), 1, lambda: None)
            indexing = workers.submit(lambda _: document.flags, LONGEST_INDEXING_S)
            self._indexing[document] = indexing
            indexing.add_done_callback(lambda _: self._indexing.pop(document))
        # Where no thread can do it, the answer will.
        with contextlib.suppress(FastextError):
            await asyncio.shield(indexing)

    def _open(self, target: bytes) -> bool:
        """Whether a target is for everybody: the health check, or a page without any data."""
        try:
            path = origin_form(target).partition(b"?")[0]
        except BadRequest:
            return False
        return path == b"/ping" or (self._console is not None and path == self._console.PAGE)

    def _unforeseen(self, fault: Exception) -> Reply:
        self._log.exception("a request could not be answered", fault)
        return response.error(FastextError("internal error; the log says more"))


def answer(route: Route, document: Document, fields: Fields) -> Reply:
    """What `route` asks of `document`. Raises NotFeatureFlags, UnknownFlag or BadRequest."""
    if document.variants is not None:
        return evaluated(route, document, document.variants, fields)
    if not route.flags:
        return response.whole(document)
    flags = document.flags
    if flags is None:
        raise NotFeatureFlags(
            f"configuration '{key_text(route.key)}' has no flags to choose from: its content "
            f"({document.content_type}) is not a feature-flag document"
        )
    try:
        return response.part(document, select_flags(flags, route.flags))
    except UnknownFlag as fault:
        fault.message = f"configuration '{key_text(route.key)}': {fault.message}"
        raise


def conditional(reply: Reply, fields: Fields) -> Reply:
    """`reply`, 304 where the caller has it already (If-None-Match), or 412 where it is not what the
    caller wants (If-Match), which comes first (RFC 9110 section 13.2.2).
    """
    if not reply.etag:
        return reply
    wanted = [value for name, value in fields if name == b"if-match"]
    if wanted and not response.matches(reply.etag, b",".join(wanted), strongly=True):
        return response.error(PreconditionFailed("If-Match does not name what there is"))
    known = [value for name, value in fields if name == b"if-none-match"]
    if known and response.matches(reply.etag, b",".join(known)):
        return response.not_modified(reply)
    return reply


def evaluated(route: Route, document: Document, variants: "VariantFlags", fields: Fields) -> Reply:
    """The flags with their variants chosen by the context; the same context gets a kept reply."""
    missing = variants.missing(route.flags)
    if missing:
        names = ", ".join(map(repr, missing))
        raise UnknownFlag(f"configuration '{key_text(route.key)}': no such flag: {names}")
    varies = variants.varies(route.flags)
    context = read_context(fields) if varies and fields else {}
    known = (route.flags, *sorted(context.items()))
    reply = document.replies.get(known)
    if reply is None:
        body = variants.evaluate(route.flags, context)
        reply = response.evaluated(document, body, JSON, varies=varies)
        if len(body) <= MAX_KEPT_BODY_BYTES:
            if len(document.replies) >= MAX_KEPT_REPLIES:
                document.replies.clear()
            document.replies[known] = reply
    return reply


def origin_form(target: bytes) -> bytes:
    """The path and query of a target in origin or absolute form (RFC 9112 section 3.2).

    A server must accept the absolute form; its authority replaces Host, and since one authority is
    all that is served here, it is not looked at. Raises BadRequest for any other form.
    """
    if target.startswith(b"/"):
        return target
    scheme, separator, rest = target.partition(b"://")
    if not separator or scheme.lower() not in (b"http", b"https"):
        raise BadRequest("the request-target is neither a path nor an http:// URL")
    authority = rest.partition(b"/")[0].partition(b"?")[0]
    if not authority:
        raise BadRequest("the request-target has no authority")
    path = rest[len(authority) :]
    return path if path.startswith(b"/") else b"/" + path
