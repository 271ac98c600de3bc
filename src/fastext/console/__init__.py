"""The console: a page for people who want to see what is served, and to whom.

It is one static file without any data; what it shows it asks for, as any caller would, from
`/status`, the configurations' own paths and `/console/explain`. Never loaded in Lambda.
"""

import asyncio
import re
from binascii import b2a_base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from fastext import response
from fastext._lane import Reply
from fastext._parse import parse_target
from fastext.console.explain import Explainer
from fastext.context import read_context
from fastext.digest import sha256
from fastext.document import Document, Key
from fastext.response import NO_CACHE

# What a page may do that shows documents of strangers: run the one script in it, and ask the server
# that it came from. Its markup is made of text nodes alone, which Trusted Types make the browser
# hold it to.
POLICY = (
    "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; "
    "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
FIELDS = (
    NO_CACHE + b"X-Content-Type-Options: nosniff\r\n"
    b"Referrer-Policy: no-referrer\r\n"
    b"Cross-Origin-Opener-Policy: same-origin\r\nCross-Origin-Resource-Policy: same-origin\r\n"
)
NO_STORE = b"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"

_FOLDER = Path(__file__).parent


class Console:
    """Answers for the page, the description of the interface and explanations.

    `fetch` gives the document of a key, or raises our errors; `symbols` texts of Ion's symbol IDs.
    """

    PAGE = b"/"
    DESCRIPTION = b"/openapi.yaml"
    EXPLAIN = b"/console/explain"

    def __init__(
        self,
        fetch: Callable[[Key], Awaitable[Document]],
        symbols: Callable[[], Mapping[int, str]],
    ) -> None:
        self._fetch = fetch
        self._explainer = Explainer(symbols)
        description = (_FOLDER / "openapi.yaml").read_bytes()
        self._files = {
            self.PAGE: page((_FOLDER / "page.html").read_bytes()),
            self.DESCRIPTION: file(description, b"application/yaml"),
        }

    def serves(self, path: bytes) -> bool:
        """Whether `path`, with its query, is answered here."""
        return path.partition(b"?")[0] in self._files or path.startswith(self.EXPLAIN + b"/")

    def lookup(self, path: bytes) -> Reply | None:
        """The reply to a GET of `path`, or None where `explain` has it."""
        return self._files.get(path.partition(b"?")[0])

    async def explain(self, path: bytes, fields: Sequence[tuple[bytes, bytes]]) -> Reply:
        """Which variant each flag takes, and why, for the caller that `fields` tell of.

        `path` is that of a configuration behind EXPLAIN. With `?flag=` it says it rule by rule.

        Raises FastextError.
        """
        route = parse_target(path.removeprefix(self.EXPLAIN))
        context = read_context(fields)
        document = await self._fetch(route.key)

        def explained() -> Reply:
            told = self._explainer.explain(route.key, document, route.flags, context)
            return response.json(200, told, NO_STORE, fleeting=True)

        # A thousand flags take longer than others may be held up.
        return await asyncio.to_thread(explained)


def page(content: bytes) -> Reply:
    """The page, with a policy that names its one style sheet and its one script by their hashes."""
    hashes = {}
    for name in ("style", "script"):
        (text,) = re.findall(b"<%b>(.*?)</%b>" % (name.encode(), name.encode()), content, re.S)
        hashes[name] = b2a_base64(sha256(text).digest(), newline=False).decode()
    policy = b"Content-Security-Policy: %b\r\n" % POLICY.format(**hashes).encode()
    return file(content, b"text/html; charset=utf-8", policy)


def file(content: bytes, content_type: bytes, fields: bytes = b"") -> Reply:
    etag = b'"%b"' % sha256(content).hexdigest()[:32].encode()
    fields += b"Content-Type: %b\r\nETag: %b\r\n" % (content_type, etag)
    return Reply(200, fields + FIELDS, content, etag=etag)
