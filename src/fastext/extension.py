"""The composition root: builds everything, and is the life of the process from top to bottom.

    startup has listened and registered
    -> settings, log -> event loop, server: serving -> prefetch, or what time it has
    -> Lambda: next event, again and again -> INVOKE: refresh what is due
                                           -> SHUTDOWN: answer what is ready, exit 0
    -> agent:  timers refresh -> SIGTERM or SIGINT: the same end

Two threads live in Lambda: this one runs the loop, and one that asks for events, so that
whatever happens to the loop, Lambda is answered. Workers come and go for calls to AWS.
"""

import _thread
import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import uvloop

from fastext import __version__
from fastext._lane import Lane
from fastext._memory import Unraisable, settle
from fastext.cache import Cache
from fastext.charges import Charges, CountedClient
from fastext.document import Document, Key, read_document
from fastext.errors import ExtensionsApiError, PortTaken
from fastext.extensions_api import member
from fastext.handler import Handler
from fastext.late_client import LateClient
from fastext.late_modules import late_modules
from fastext.listener import Listener
from fastext.logs import Log, duration, new_log
from fastext.poller import Poller
from fastext.protocol import Server, max_connections
from fastext.request import WholeRequests
from fastext.response import Date
from fastext.session import ConfigurationSession, DataClient
from fastext.settings import Settings
from fastext.startup import BACKLOG, INVOKE, Start, is_loopback
from fastext.status import Status
from fastext.workers import Workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

    from fastext.access import Access
    from fastext.agent import Agent
    from fastext.console import Console
    from fastext.hosts import Hosts

# From registration on the first `next` waits so long for the prefetch. Lambda's SHUTDOWN comes by
# `next` alone, and two seconds after it the process is killed.
LONGEST_PREFETCH_S = 1.5

# How long INVOKE's refresh may keep us from asking for the next event. A refresh in the Region
# takes 20 to 140 ms; one that takes longer goes on when the sandbox thaws. To ask at once would
# freeze every refresh behind a handler of a few milliseconds; to wait for all of it would let a
# service that hangs hold up the next invocation.
REFRESH_GRACE_S = 0.25

# Replies that are ready are sent before the end, but Lambda gives two seconds for everything.
LONGEST_FAREWELL_S = 0.2

# The symbols that AWS does not publish are a few dozen.
MAX_SYMBOLS_BYTES = 1024 * 1024

FIRST_RETRY_S = 0.05
LONGEST_RETRY_S = 1.0


def run(start: Start) -> int:
    """Serve until SHUTDOWN or a signal; the process's exit status."""
    settings = start.settings
    log = new_log(settings)
    kind = "Lambda Extension" if start.in_lambda else "Agent"
    sys.unraisablehook = Unraisable(log.exception)
    log.info(f"AppConfig {kind} fastext {__version__}")
    for problem in (*settings.problems, *start.problems):
        log.warn(problem)
    if start.api_fault is not None:
        log.fatal(f"not registered with Lambda: {start.api_fault.message}")
        return 1
    if start.port_fault is not None:
        log.error(start.port_fault.message)
        if not start.in_lambda:
            return 1
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    extension = Extension(start, settings, log, loop)
    extension.run()
    os._exit(0)  # the interpreter's own farewell takes longer than ours


class Extension:
    """Everything that is built, and what happens to it."""

    def __init__(
        self, start: Start, settings: Settings, log: Log, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._start = start
        self._settings = settings
        self._log = log
        self._loop = loop
        self._ended = asyncio.Event()
        self._symbols: Mapping[int, str] | None = None
        head_start = start.head_start
        assert head_start is not None
        self._head_start = head_start
        late = LateClient(settings, start.environ)
        client = head_start.client or CountedClient(late, head_start.charges)
        cache = Cache(self._documents_changed)
        self._agent = new_agent(settings, start.environ, log, cache, client, head_start.charges)

        def new_session(key: Key) -> ConfigurationSession:
            begun = head_start.sessions.pop(key, None)
            return begun or ConfigurationSession(client, key, settings.poll_interval_s)

        agent = self._agent

        def prepare() -> None:
            """Load what a call needs, on the worker that makes it."""
            if not (head_start.client or settings.local_directory):
                late.load()
            if agent is not None:
                agent.load()

        self._poller = Poller(
            cache,
            Workers(loop, settings.max_connections, prepare),
            agent.new_session if agent else new_session,
            lambda got: read_document(
                got.content, got.content_type, got.version_label, self._ion_symbols
            ),
            log,
            poll_interval_s=settings.poll_interval_s,
            poll_timeout_s=settings.poll_timeout_s,
            max_configurations=settings.max_configurations,
            first_fetch_budget_s=settings.first_fetch_budget_s,
            timers=INVOKE not in start.events,
            arrived=agent.arrived if agent else _unheard,
        )
        self._phases: dict[str, float] = {}
        status = Status(
            __version__,
            "local" if settings.local_directory else "direct" if head_start.client else "botocore",
            self._poller,
            head_start.charges,
            lambda: self._phases,
        )
        if agent is not None:
            agent.poller = self._poller
        access = new_access(settings)
        hosts = new_hosts(settings, start)
        fetch = agent.fetch if agent else self._poller.fetch
        console = None if start.in_lambda else new_console(settings, log, fetch, self._ion_symbols)
        handler = Handler(cache, fetch, log, __version__, status, access, hosts, console)
        self._files_wanted = console is not None  # to be listed there
        date = Date()
        # Reads are logged at debug, one by one, and the lane would answer without a word; nor does
        # it know who may read.
        laned = not log.debugging and access is None
        allowed = hosts.allowed if hosts is not None else None
        accept, broken = WholeRequests().accept, partial(log.exception, "the fast lane")
        self._lane = Lane(handler.lookup, accept, date, broken, allowed) if laned else None
        self._server = Server(loop, handler, max_connections(), date, self._lane)
        self._listener = Listener(loop, self._server, BACKLOG)

    def run(self) -> None:
        """Live until the end. Raises what a start has failed for."""
        try:
            self._loop.run_until_complete(self._live())
        except Exception as fault:
            if not self._ended.is_set():
                raise
            self._log.exception("the end", fault)

    async def _live(self) -> None:
        """From the first request served to the last."""
        self._loop.set_exception_handler(self._broken)
        for signum in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(signum, self._ended.set)
        if self._agent is not None:
            self._agent.begin(self._ion_symbols)
        await self._serve(self._start.sockets)
        serving_at = time.monotonic()
        # A signal ends a start as it ends everything else.
        ended = asyncio.ensure_future(self._ended.wait())
        prefetched = asyncio.ensure_future(self._prefetch())
        left_s = max(self._start.registered_at + LONGEST_PREFETCH_S - serving_at, 0.0)
        await asyncio.wait({ended, prefetched}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        try:
            if not (prefetched.done() or ended.done()):
                longest = duration(LONGEST_PREFETCH_S)
                self._log.warn(
                    f"some configurations are not prefetched within {longest}; "
                    "their retrieval goes on"
                )
            self._settle(serving_at)
        except Exception as fault:  # nothing that serving depends on
            self._log.exception("the start", fault)
        if self._start.api is not None:
            # Not by `threading`, which waits for a thread that may have died for want of memory.
            _thread.start_new_thread(self._follow_events, ())
        await ended
        await self._farewell()

    def _settle(self, serving_at: float) -> None:
        """Go over from starting to serving."""
        started_at = time.monotonic()
        sys.setswitchinterval(self._start.usual_switch_interval_s)
        gc.enable()
        gc.freeze()
        settle()
        self._tell_start(self._start, serving_at, started_at)

    # -- serving

    async def _serve(self, opened: "list[_socket.socket]") -> None:
        # Duplicates: should the loop break, `last_resort` still has sockets to answer on.
        sockets = [socket.socket(fileno=os.dup(raw.fileno())) for raw in opened]
        await self._listener.start(sockets)
        if sockets:
            self._log.info(f"serving on {shown_host(self._start.host)}:{self._start.port}")
            if self._settings.access_token is None and not all(map(is_loopback, sockets)):
                self._log.warn(
                    f"whoever reaches port {self._start.port} can read the configurations: "
                    "ACCESS_TOKEN is not set, and HTTP_HOST is not localhost"
                )

    async def _serve_again(self) -> None:
        """Try the port once more, where it was taken at the start, on one address or on all."""
        try:
            await self._serve(self._start.listen_again())
            for problem in self._start.problems:
                self._log.warn(problem)
        except PortTaken as fault:
            self._log.debug(fault.message)

    def _ion_symbols(self) -> Mapping[int, str]:
        """What FASTEXT_ION_SYMBOLS says, read when the first Ion document arrives."""
        path = self._settings.ion_symbols
        if self._symbols is None and path:
            from fastext.files import read_regular
            from fastext.ion import parse_symbols

            try:
                self._symbols = parse_symbols(read_regular(path, MAX_SYMBOLS_BYTES))
            except (OSError, ValueError) as fault:
                self._log.error(f"FASTEXT_ION_SYMBOLS: '{path}' {fault}; it is not used")
        self._symbols = self._symbols or {}
        return self._symbols

    def _documents_changed(self) -> None:
        if self._lane is not None:
            self._lane.clear()

    def _broken(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        fault = context.get("exception")
        what = str(context.get("message", "the event loop"))
        if isinstance(fault, Exception):
            self._log.exception(what, fault)
        else:
            self._log.error(what)

    # -- prefetching

    async def _prefetch(self) -> None:
        try:
            await self._retrieve_first()
        except Exception as fault:  # nothing that serving depends on
            self._log.exception("the prefetch", fault)

    async def _retrieve_first(self) -> None:
        try:
            # The loop's thread imports all it will need before workers import.
            with late_modules("inspect"):  # orjson's dataclasses import it
                import fastext.decoding  # noqa: F401
        finally:
            self._head_start.imported.set()
        for problem in self._head_start.problems:
            self._log.warn(problem)
        keys = self._head_start.keys
        if self._agent is None:
            retrievals = self._poller.prefetch(keys)
        else:
            files = self._agent.local_keys() if self._files_wanted else []
            retrievals = await self._agent.prefetch([*keys, *files])
        if retrievals:
            await asyncio.wait(retrievals)

    # -- Lambda's events

    def _follow_events(self) -> None:
        """Ask for events until SHUTDOWN, on a thread that depends on nothing else."""
        api = self._start.api
        assert api is not None
        pause_s = FIRST_RETRY_S
        while True:
            try:
                told = api.next()
                event = member(told, b"eventType")
                self._log.request_id = member(told, b"requestId")
                if event == "SHUTDOWN":
                    self._loop.call_soon_threadsafe(self._ended.set)
                    return
                if event != INVOKE:
                    raise ExtensionsApiError(f"event/next: no event in the answer: {event!r}")
                pause_s = FIRST_RETRY_S
                self._invoke()
            except Exception as fault:
                if pause_s == FIRST_RETRY_S:
                    with contextlib.suppress(Exception):  # nothing may end this thread
                        self._log.error(f"{fault}; asking again until Lambda answers")
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_RETRY_S)

    def _invoke(self) -> None:
        """Have the loop refresh what is due; returns when it has, or after REFRESH_GRACE_S."""
        refreshed = threading.Event()
        self._loop.call_soon_threadsafe(self._refresh, refreshed)
        refreshed.wait(REFRESH_GRACE_S)

    def _refresh(self, refreshed: threading.Event) -> None:
        if not self._start.listens:
            self._loop.create_task(self._serve_again())
        pending = set(self._poller.refresh_due())
        if not pending:
            refreshed.set()

        def ended(retrieval: asyncio.Future[Document]) -> None:
            pending.discard(retrieval)
            if not pending:
                refreshed.set()

        for retrieval in tuple(pending):
            retrieval.add_done_callback(ended)

    # -- the end

    async def _farewell(self) -> None:
        self._log.info(f"SHUTDOWN: {self._head_start.charges.text()}")
        self._listener.close()
        for raw in self._start.sockets:
            raw.close()
        await self._listener.adopted(LONGEST_FAREWELL_S)
        self._server.close()
        if self._server.open:
            await asyncio.wait({self._server.all_closed()}, timeout=LONGEST_FAREWELL_S)

    def _tell_start(self, start: Start, serving_at: float, started_at: float) -> None:
        # Configurations may have arrived before we served them.
        prefetched_at = self._head_start.ended_at() or started_at
        moments = {
            "registered": start.registered_at,
            "serving": serving_at,
            "prefetched": prefetched_at,
            "started": started_at,
        }
        self._phases = {
            name: round((moment - start.started_at) * 1000, 3) for name, moment in moments.items()
        }
        registered, serving, prefetched, started = (
            duration(moment - start.started_at) for moment in moments.values()
        )
        self._log.info(
            f"started in {started}: registered {registered}, serving {serving}, "
            f"prefetched {prefetched}"
        )


def shown_host(host: str) -> str:
    """As it stands in a URL, where `all` is any address of the machine."""
    if host == "all":
        return "0.0.0.0"  # noqa: S104
    return f"[{host}]" if ":" in host else host


def new_access(settings: Settings) -> "Access | None":
    if settings.access_token is None:
        return None
    from fastext.access import Access

    return Access(settings.access_token)


def new_console(
    settings: Settings,
    log: Log,
    fetch: Callable[[Key], Awaitable[Document]],
    symbols: Callable[[], Mapping[int, str]],
) -> "Console | None":
    """The page for people, where it is wanted; for a process outside Lambda alone."""
    if not (settings.local_directory if settings.console is None else settings.console):
        return None
    try:
        from fastext.console import Console
    except ImportError:  # in the layer, which can be an agent as well
        if settings.console:
            log.warn("FASTEXT_CONSOLE: this build has no console; that of pip install has it")
        return None
    return Console(fetch, symbols)


def new_hosts(settings: Settings, start: Start) -> "Hosts | None":
    """No browser is in Lambda, and none knows an access token."""
    if start.in_lambda or settings.access_token is not None:
        return None
    from fastext.hosts import Hosts

    own = () if start.host == "all" else (start.host,)
    return Hosts((*own, *(settings.allowed_hosts or ())))


def new_agent(
    settings: Settings,
    environ: Mapping[str, str],
    log: Log,
    cache: Cache,
    client: DataClient,
    charges: Charges,
) -> "Agent | None":
    """What is asked for beyond retrieving and serving, or None, as for nearly every function."""
    if not settings.beyond_retrieval:
        return None
    from fastext.agent import Agent

    return Agent(settings, environ, log, cache, client, charges)


def _unheard(key: Key, document: Document) -> None:
    """Nobody wants to hear of new documents."""
