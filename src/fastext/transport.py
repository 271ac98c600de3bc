"""HTTP to AWS: one request and its whole answer within one deadline, directly or through a proxy.

botocore signs requests and reads answers; what lies between is done here with urllib3 alone, for
three things that botocore's own session has no setting for: header fields for the proxy, a
deadline that covers the whole answer, and one silent retry when a kept connection turns out to
be dead, as after a frozen sandbox.

Every failure is raised as Unavailable or TimedOut.
"""

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    SSLError,
    TimeoutError,
)

from fastext.deadline import Deadline
from fastext.errors import TimedOut, Unavailable, UpstreamError
from fastext.tls import Trust

# A data centre answers a SYN within milliseconds; one retransmission (1 s) is all we wait for.
CONNECT_TIMEOUT_S = 1.0

# A connection that was idle for longer is not used again: load balancers and NAT gateways forget
# idle connections without a word, and a thawed sandbox cannot know what happened to its own.
TRUSTED_IDLE_S = 20.0


# As of the other client (exchange.py): more is no answer of AWS.
MAX_CONTENT_BYTES = 64 * 1024 * 1024
PIECE_BYTES = 64 * 1024

# Of a field's value, which may be any: it has no room for a token.
SHOWN = 12

# Statuses that have no content, and nothing that tells where it ends.
UNFRAMED = (204, 304)


class Answer(NamedTuple):
    """`fields` by lower-case name."""

    status: int
    fields: Mapping[str, str]
    content: bytes


class _Call(threading.local):
    """What this thread's call is, for the connection that will carry it."""

    deadline: Deadline | None = None
    reused = False
    answered = False  # a byte of an answer has come


_call = _Call()


class _Limited(io.RawIOBase):
    """What is received, each time within what is left of the call's deadline."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        if _call.deadline is not None:
            self._sock.settimeout(_call.deadline.remaining_s())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp = io.BufferedReader(_Limited(self.fp.detach(), sock))

    def begin(self) -> None:
        _call.answered = bool(self.fp.peek(1))
        super().begin()
        if self.status not in UNFRAMED:
            check_framing(self.headers)

    def _read_status(self) -> tuple[str, int, str]:
        """The status line of the answer, past those that are to be followed by more.

        http.client takes all of them but 100 for the answer, and what follows for the next one.
        """
        while True:
            found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            status = found[1]
            if status == 101:
                raise http.client.BadStatusLine("it changes the protocol")
            if not 100 < status < 200:
                return found
            http.client.parse_headers(self.fp)


class _Watched:
    """Puts a connection under the deadline of the call that uses it."""

    response_class: Any = _Response
    _used = False

    def connect(self) -> None:
        if _call.deadline is not None:
            _call.deadline.watch(self)  # type: ignore[arg-type]
        super().connect()  # type: ignore[misc]

    def request(self, *args: object, **kwargs: object) -> None:
        if _call.deadline is not None:
            _call.deadline.watch(self)  # type: ignore[arg-type]
        _call.reused, self._used, _call.answered = self._used, True, False
        super().request(*args, **kwargs)  # type: ignore[misc]

    def _new_conn(self) -> socket.socket:
        """Connected, which has a limit of its own; what follows has the deadline's."""
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]
        if _call.deadline is not None:
            sock.settimeout(_call.deadline.remaining_s())
        return sock


class _WatchedHTTPConnection(_Watched, HTTPConnection):
    pass


class _WatchedHTTPSConnection(_Watched, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _WatchedHTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedHTTPSConnection


class Transport:
    """Connections to AWS, kept between calls; threads may share it.

    `proxy_for` gives the proxy of a URL,
    or None; `proxy_fields` are header fields for that proxy and nobody behind it.
    """

    def __init__(
        self,
        trust: Trust,
        max_connections: int,
        proxy_for: Callable[[str], str | None],
        proxy_fields: Mapping[str, str],
    ) -> None:
        self._trust = trust
        self._max_connections = max_connections
        self._proxy_for = proxy_for
        self._proxy_fields = proxy_fields
        self._managers: dict[str | None, urllib3.PoolManager] = {}
        self._lock = threading.Lock()
        self._last_used = (time.monotonic(), time.time())

    def send(
        self, method: str, url: str, fields: Mapping[str, str], body: bytes, deadline: Deadline
    ) -> Answer:
        """Send one request and read its whole answer. Raises Unavailable or TimedOut."""
        proxy = self._proxy_for(url)
        self._drop_stale()
        try:
            try:
                return self._exchange(proxy, method, url, fields, body, deadline)
            except ProtocolError as fault:
                deadline.remaining_s()  # it may have been the deadline that cut the connection
                dead = isinstance(fault.args[-1], ConnectionResetError | BrokenPipeError)
                if not (dead and _call.reused) or _call.answered:
                    raise
                self.close()
                return self._exchange(proxy, method, url, fields, body, deadline)
            except SSLError as fault:
                if not self._trust.grown(fault.args[0] if fault.args else None):
                    raise
                return self._exchange(proxy, method, url, fields, body, deadline)
        except (HTTPError, OSError) as fault:
            raise translate(fault, url, proxy, deadline) from fault
        finally:
            self._last_used = (time.monotonic(), time.time())

    def close(self) -> None:
        """Drop the kept connections."""
        with self._lock:
            for manager in self._managers.values():
                manager.clear()

    def _drop_stale(self) -> None:
        monotonic, wall = self._last_used
        if max(time.monotonic() - monotonic, time.time() - wall) > TRUSTED_IDLE_S:
            self.close()

    def _exchange(
        self,
        proxy: str | None,
        method: str,
        url: str,
        fields: Mapping[str, str],
        body: bytes,
        deadline: Deadline,
    ) -> Answer:
        manager = self._manager(proxy)
        remaining_s = deadline.remaining_s()
        _call.deadline = deadline
        try:
            answer = manager.request(
                method,
                url,
                body=body or None,
                headers=fields,
                timeout=urllib3.Timeout(
                    connect=min(CONNECT_TIMEOUT_S, remaining_s), read=remaining_s
                ),
                retries=False,
                redirect=False,
                decode_content=False,
                preload_content=False,
            )
            content = content_of(answer)
        finally:
            _call.deadline = None
        # A connection that ends in the middle of the head looks to http.client like a head that is
        # complete, also where our deadline has cut it.
        deadline.remaining_s()
        fields = {name.lower(): value.strip(" \t") for name, value in answer.headers.itermerged()}
        return Answer(answer.status, fields, content)

    def _manager(self, proxy: str | None) -> urllib3.PoolManager:
        with self._lock:
            manager = self._managers.get(proxy)
            if manager is None:
                manager = self._managers[proxy] = self._new_manager(proxy)
            return manager

    def _new_manager(self, proxy: str | None) -> urllib3.PoolManager:
        context = self._trust.context()
        manager: urllib3.PoolManager
        if proxy is None:
            manager = urllib3.PoolManager(maxsize=self._max_connections, ssl_context=context)
        else:
            manager = urllib3.ProxyManager(
                proxy,
                maxsize=self._max_connections,
                ssl_context=context,
                proxy_ssl_context=context,
                proxy_headers={**credentials_of(proxy), **self._proxy_fields},
            )
        manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
        return manager


def check_framing(fields: http.client.HTTPMessage) -> None:
    """Whether an answer tells where its content ends (RFC 9112 section 6.3). Raises ProtocolError.

    Without that the end of the connection would, and AWS never means it.
    """
    codings = {value.strip(" \t") for value in fields.get_all("transfer-encoding", ())}
    lengths = {value.strip(" \t") for value in fields.get_all("content-length", ())}
    if codings:
        if {coding.lower() for coding in codings} != {"chunked"}:
            raise ProtocolError(f"unknown transfer coding {', '.join(codings)[:SHOWN]!r}")
    elif not lengths:
        raise ProtocolError("the head of the answer is not complete")
    elif len(lengths) > 1:
        raise ProtocolError("it has several content-length fields")
    else:
        (length,) = lengths
        if not (length.isascii() and length.isdecimal() and len(length) < 20):
            raise ProtocolError(f"Content-Length is {length[:SHOWN]!r}")


def content_of(answer: urllib3.BaseHTTPResponse) -> bytes:
    """The whole content, as it came. Raises ProtocolError where it is too much."""
    declared = getattr(answer, "length_remaining", None)
    if declared is not None and declared <= MAX_CONTENT_BYTES:
        return answer.read()
    content = bytearray()
    if declared is None:
        for piece in answer.stream(PIECE_BYTES):
            content += piece
            if len(content) > MAX_CONTENT_BYTES:
                break
        else:
            return bytes(content)
    answer.close()
    size = declared or f"over {MAX_CONTENT_BYTES}"
    raise ProtocolError(f"{size} bytes of content; {MAX_CONTENT_BYTES} are accepted")


def credentials_of(proxy: str) -> dict[str, str]:
    """The Proxy-Authorization field for a proxy URL with a user name (RFC 9110 section 11.7.2)."""
    auth = urllib3.util.parse_url(proxy).auth
    if not auth:
        return {}
    user, _, password = auth.partition(":")
    return urllib3.util.make_headers(proxy_basic_auth=f"{unquote(user)}:{unquote(password)}")


def without_credentials(url: str) -> str:
    """Scheme, host and port of `url`: what a message may show of it."""
    parsed = urllib3.util.parse_url(url)
    return parsed._replace(auth=None, path=None, query=None, fragment=None).url


def translate(fault: Exception, url: str, proxy: str | None, deadline: Deadline) -> UpstreamError:
    """Our error for a failure of urllib3 or the socket under it."""
    try:
        deadline.remaining_s()
    except TimedOut as timed_out:
        return timed_out
    where = without_credentials(url)
    if isinstance(fault, ProxyError):
        # The original error tells whether the proxy refused (CONNECT's status) or was not there.
        where = f"{where} through proxy {without_credentials(proxy or '')}"
        return Unavailable(f"cannot reach {where}: {fault.original_error}")
    if isinstance(fault, NewConnectionError | ConnectTimeoutError | socket.gaierror):
        return Unavailable(f"cannot connect to {where}: {reason(fault)}")
    if isinstance(fault, TimeoutError):
        return TimedOut(f"{where} does not answer: {reason(fault)}")
    if isinstance(fault, SSLError | ssl.SSLError):
        return Unavailable(f"no trusted connection to {where}: {reason(fault)}")
    return Unavailable(f"no usable answer from {where}: {reason(fault)}")


def reason(fault: BaseException) -> str:
    """The last part of urllib3's messages, without the object that they begin with.

    Where that has no part of its own in the message, it is the first of the arguments.
    """
    last = fault.args[-1] if fault.args else ""
    text = last if isinstance(last, str) else str(fault)
    for end_of_object in ("): ", ">: "):
        text = text.partition(end_of_object)[2] or text
    return text or type(fault).__name__
