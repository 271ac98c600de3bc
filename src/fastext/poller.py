"""Keeps the cache fresh: first retrievals, refreshes, and when each one is due.

Inside Lambda the sandbox is frozen between invocations, timers and all, so the INVOKE event is
the clock: `refresh_due` is called on it. Elsewhere each configuration has a timer. Either way a
configuration has at most one retrieval under way, whoever asks for it; what is cached is served
whatever happens here, and replaced only by a whole new document.

Everything runs on the loop's thread but the session's blocking calls, which run on workers.
"""

import asyncio
from collections.abc import Callable, Iterable

from fastext.cache import Cache
from fastext.clock import Moment, elapsed
from fastext.deadline import Deadline
from fastext.document import SNAPSHOT, Document, Key, check_flags, key_text
from fastext.errors import (
    AccessDenied,
    ContentError,
    FastextError,
    Throttled,
    TimedOut,
    TooManyConfigurations,
    Unavailable,
    Unusable,
    UpstreamError,
)
from fastext.freshness import Freshness
from fastext.logs import Log, duration
from fastext.schedule import (
    REFUSALS,
    due,
    first_retrieval,
    memory_of,
    next_wait,
    spread,
)
from fastext.session import ConfigurationSession, Retrieved
from fastext.workers import Workers

# So many names that lead to nothing may cost a session each in so many seconds.
MAX_FAILED = 1000
FAILED_KEPT_S = 60.0

# A poll that ends so long after its time was not slow: nothing ran meanwhile.
FROZEN_S = 1.0

# To look for room takes a step for each configuration; where there was none it is not looked again
# for so long.
LOOKED_AGAIN_S = 1.0


class _Entry:
    """What the poller knows of one configuration."""

    __slots__ = ("document", "fault", "freshness", "key", "outslept", "reply", "retrieval",
                 "session", "since", "throttled", "timer", "unusable", "wait_s",
                 "wanted")  # fmt: skip

    def __init__(
        self, key: Key, session: ConfigurationSession, now: Moment, freshness: Freshness
    ) -> None:
        self.key = key
        self.freshness = freshness
        # Why the service's latest version cannot be used, until there is another.
        self.unusable: Unusable | None = None
        self.session = session
        self.document: Document | None = None
        # What is waited for where nothing is known: the end of the retrieval, or a snapshot before.
        self.reply: asyncio.Future[Document] | None = None
        self.retrieval: asyncio.Future[Document] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.wanted = False  # by PREFETCH_LIST: asked for again even if it was never there
        # The last attempt: when it ended, what went wrong, and how long to wait after it.
        self.since = now
        self.wait_s = 0.0
        self.fault: UpstreamError | None = None
        self.throttled = 0  # how many attempts in a row
        self.outslept = False  # it was made again because a freeze had cut the one before


def state_of(entry: _Entry, source: str, now: Moment) -> dict[str, object]:
    application, environment, profile = entry.key
    document = entry.document
    fault = entry.fault
    return {
        "application": application,
        "environment": environment,
        "configuration": profile,
        "version": document.version if document else None,
        "versionLabel": document.version_label or None if document else None,
        "contentType": document.content_type if document else None,
        "bytes": len(document.content) if document else None,
        "source": (document.kept_as or source) if document else None,
        "ageSeconds": round(entry.freshness.age_s, 3) if document else None,
        "stale": entry.freshness.stale or None,
        "nextPollSeconds": round(entry.freshness.next_poll_s, 3)
        if document or entry.wanted
        else None,  # it is asked for by a request
        "lastError": {"message": fault.message, "secondsAgo": round(elapsed(entry.since, now), 3)}
        if fault
        else None,
    }


def is_unchanged(document: Document | None, known: Document | None) -> bool:
    """Whether the service has said that there is nothing new.

    An empty answer with something known says so even where a session is new: the service has no
    other way to say that nothing is there, and nothing is no configuration.
    """
    return document is None or (not document.content and known is not None)


def settle(entry: _Entry, *waited_for: asyncio.Future[Document]) -> None:
    """Give those who wait what is known of a configuration: none may be left waiting."""
    for future in waited_for:
        if future.done():
            continue
        if entry.document is not None:
            future.set_result(entry.document)
        else:
            future.set_exception(entry.fault or UpstreamError("the service sent nothing"))
            future.exception()  # nobody need have waited for it


class Poller:
    """Fills `cache` by sessions that `new_session` makes, with documents that `read` makes.

    `read` runs on a worker, and raises ContentError where a document cannot be used.
    `arrived` is told of every document that is put into the cache. At most `max_configurations` are
    retrieved: each distinct one costs a session and its polls, so wrong or hostile paths must not
    make them without end. `timers` says whether every configuration polls by a timer of its own, or
    only when `refresh_due` is called. A first retrieval that takes over `first_fetch_budget_s` is
    not waited for where there is a snapshot.
    """

    def __init__(
        self,
        cache: Cache,
        workers: Workers,
        new_session: Callable[[Key], ConfigurationSession],
        read: Callable[[Retrieved], Document],
        log: Log,
        *,
        poll_interval_s: float,
        poll_timeout_s: float,
        max_configurations: int,
        first_fetch_budget_s: float = 1.0,
        timers: bool,
        arrived: Callable[[Key, Document], None] = lambda key, document: None,
        now: Callable[[], Moment] = Moment.now,
    ) -> None:
        self._cache = cache
        self._workers = workers
        self._new_session = new_session
        self._read = read
        self._log = log
        self._poll_interval_s = poll_interval_s
        self._poll_timeout_s = poll_timeout_s
        self._max_configurations = max_configurations
        self._first_fetch_budget_s = first_fetch_budget_s
        self._timers = timers
        self._arrived = arrived
        self._now = now
        self._entries: dict[Key, _Entry] = {}
        self._reserve: dict[Key, Document] = {}
        self._full: tuple[Moment, str] | None = None  # since when there is no room, and why

    # -- what others ask for

    async def fetch(self, key: Key) -> Document:
        """The document of `key`, retrieved if it is not here; a retrieval under way is joined.

        Raises FastextError.
        """
        entry = self._entry(key)
        if entry.document is not None:
            return entry.document
        if entry.retrieval is None:
            if entry.fault:
                memory_s = memory_of(entry.fault, entry.wait_s)
                if not due(entry.since, memory_s, self._now()):
                    raise entry.fault.with_traceback(None)
            self._retrieve(entry)
        assert entry.reply is not None
        # A caller that goes away must not take the retrieval along, which others wait for.
        return await asyncio.shield(entry.reply)

    def prefetch(self, keys: Iterable[Key]) -> list[asyncio.Future[Document]]:
        """Start retrieving `keys`; what there is to wait for, of those that are not here."""
        retrievals = []
        for key in keys:
            try:
                entry = self._entry(key)
            except TooManyConfigurations as fault:
                self._log.error(f"{fault.message}; from '{key_text(key)}' on none is prefetched")
                break
            entry.wanted = True
            if entry.document is None:
                if entry.retrieval is None:
                    self._retrieve(entry)
                assert entry.reply is not None
                retrievals.append(entry.reply)
            elif entry.retrieval is None and due(entry.since, entry.wait_s, self._now()):
                self._retrieve(entry)
        return retrievals

    def preload(self, key: Key, document: Document) -> None:
        """Serve a backup until the service has been asked, which is when the backup is due.

        Raises TooManyConfigurations.
        """
        entry = self._entry(key)
        entry.since = self._moment_of(document)
        entry.wait_s = self._poll_interval_s
        entry.freshness.confirmed(entry.since, entry.wait_s)
        self._put(entry, document)
        if self._timers:
            left_s = entry.freshness.next_poll_s
            entry.timer = asyncio.get_running_loop().call_later(left_s, self._retrieve, entry)

    def _moment_of(self, backup: Document) -> Moment:
        """When it was saved, which by a clock that was set back is now."""
        now = self._now()
        age_s = max(now.wall - backup.saved_at, 0.0)
        return Moment(now.monotonic - age_s, now.wall - age_s)

    def reserve(self, key: Key, document: Document) -> None:
        """Keep a backup for the case that a first retrieval does not reach the service, or a
        snapshot for the case that it brings nothing in time.
        """
        self._reserve[key] = document

    def renew(self, key: Key) -> None:
        """Give `key` a new session, and retrieve it by that, if it was ever asked for."""
        entry = self._entries.get(key)
        if entry is None:
            return
        entry.session = self._new_session(key)
        if entry.retrieval is None:
            self._retrieve(entry)
        else:
            entry.retrieval.add_done_callback(lambda _: entry.retrieval or self._retrieve(entry))

    def refresh_due(self) -> list[asyncio.Future[Document]]:
        """Start refreshing whatever is older than it may be; what is now under way."""
        now = self._now()
        for entry in tuple(self._entries.values()):
            polled = entry.document is not None or entry.wanted
            if polled and entry.retrieval is None and due(entry.since, entry.wait_s, now):
                self._retrieve(entry)
        return [entry.retrieval for entry in self._entries.values() if entry.retrieval]

    def states(self, source: str) -> list[dict[str, object]]:
        """Every configuration as `/status` tells of it; seconds, and None for what is not there.

        `source` is where documents come from that are no backups.
        """
        return [state_of(entry, source, self._now()) for entry in self._entries.values()]

    # -- one retrieval

    def _entry(self, key: Key) -> _Entry:
        entry = self._entries.get(key)
        if entry is None:
            if len(self._entries) >= min(self._max_configurations, MAX_FAILED):
                self._make_room()
            entry = self._entries[key] = _Entry(
                key, self._new_session(key), self._now(), Freshness(self._now)
            )
        return entry

    def _make_room(self) -> None:
        """For one configuration more. Raises TooManyConfigurations.

        What has never been there is not in use, but each such name has cost a session: only so
        many may in FAILED_KEPT_S, or a caller that makes names up would cost one for each.
        """
        now = self._now()
        if self._full is None or due(self._full[0], LOOKED_AGAIN_S, now):
            why = self._look_for_room(now)
            self._full = (now, why) if why else None
        if self._full is not None:
            raise TooManyConfigurations(self._full[1])

    def _look_for_room(self, now: Moment) -> str:
        """Forget names that have led to nothing, if they are many; why there is no room, or ""."""
        failed = [
            entry
            for entry in self._entries.values()
            if entry.document is None and entry.retrieval is None and not entry.wanted
        ]
        if len(self._entries) - len(failed) >= self._max_configurations:
            return (
                f"{self._max_configurations} configurations are in use, and each costs its polls; "
                "no further one is retrieved (FASTEXT_MAX_CONFIGURATIONS)"
            )
        if len(failed) < MAX_FAILED:
            return ""
        for entry in failed:
            if due(entry.since, FAILED_KEPT_S, now):
                del self._entries[entry.key]
        if any(entry.key not in self._entries for entry in failed):
            return ""
        return (
            f"{MAX_FAILED} configurations could not be retrieved within {FAILED_KEPT_S:.0f} s, and "
            "each has cost a session; no further one is tried"
        )

    def _retrieve(self, entry: _Entry) -> asyncio.Future[Document]:
        if entry.timer is not None:
            entry.timer.cancel()
        session = entry.session
        first = entry.document is None
        start = Moment(*session.began) if session.began else self._now()
        poll = (lambda d: first_retrieval(session, d)) if first else session.poll
        # Where flags of the last version were asked for they will be asked of the next as well, and
        # are found by the worker, where nobody waits for it. Any there were are expected again.
        known = entry.document
        flags_wanted = known is not None and known.flags_known
        flags_expected = known is not None and flags_wanted and known.flags is not None

        called = start  # of which its place in the queue is no part

        def call(deadline: Deadline) -> Document | None:
            nonlocal called
            called = self._now()
            got = poll(deadline)
            document = self._read(got) if got is not None else None
            if document is not None:
                _ = document.etag
                if flags_wanted:
                    _ = document.flags
                if flags_expected:
                    check_flags(document)
            return document

        polled = self._workers.submit(call, self._poll_timeout_s)
        loop = polled.get_loop()
        retrieval: asyncio.Future[Document] = loop.create_future()
        reply: asyncio.Future[Document] = loop.create_future()
        entry.retrieval, entry.reply = retrieval, reply
        reserve = self._reserve.get(entry.key)
        if first and reserve is not None and reserve.kept_as == SNAPSHOT:
            loop.call_later(self._first_fetch_budget_s, self._overdue, entry, reply)

        def ended(polled: asyncio.Future[Document | None]) -> None:
            entry.retrieval = entry.reply = None
            try:
                if self._outslept(entry, polled, called):
                    entry.session = entry.session.copy()
                    again = self._retrieve(entry)
                    again.add_done_callback(lambda _: settle(entry, retrieval, reply))
                    return
                self._ended(entry, polled, start)
            except Exception as broken:
                self._log.exception(f"the retrieval of '{key_text(entry.key)}' broke", broken)
                entry.fault = UpstreamError("internal error; the log says more")
                # What it brought may be lost, and its session would call that unchanged.
                entry.session = self._new_session(entry.key)
            settle(entry, retrieval, reply)
            if self._timers and (entry.document is not None or entry.wanted):
                delay = spread(entry.wait_s)
                entry.timer = retrieval.get_loop().call_later(delay, self._retrieve, entry)

        polled.add_done_callback(ended)
        return retrieval

    def _outslept(
        self, entry: _Entry, polled: asyncio.Future[Document | None], called: Moment
    ) -> bool:
        """Whether a poll has failed for nothing but that the sandbox was frozen in its midst.

        Its time is over when we wake up, whatever has arrived. What is slow in truth ends on time,
        and if it does not, once more is enough.
        """
        again = (
            entry.document is not None
            and not entry.outslept
            and isinstance(polled.exception(), TimedOut)
            and elapsed(called, self._now()) > self._poll_timeout_s + FROZEN_S
        )
        entry.outslept = again
        return again

    def _ended(self, entry: _Entry, polled: asyncio.Future[Document | None], start: Moment) -> None:
        """Take in what a worker brought, and set when to ask again."""
        before, stale = entry.fault, entry.freshness.stale
        fault = self._fault_of(entry, polled)
        document = polled.result() if fault is None else None
        entry.session.heard()
        # What cannot be used gets no better by being called unchanged.
        if fault is None and entry.unusable is not None and is_unchanged(document, entry.document):
            fault = entry.unusable
        elif fault is None or isinstance(fault, Unusable):
            entry.unusable = fault
        entry.since = self._now()
        entry.throttled = entry.throttled + 1 if isinstance(fault, Throttled) else 0
        entry.fault = fault
        kept = entry.document or self._reserve.get(entry.key)
        entry.wait_s = next_wait(
            self._poll_interval_s,
            entry.session.interval_s,
            fault,
            entry.throttled,
            snapshot=kept is not None and kept.kept_as == SNAPSHOT,
        )
        took = duration(elapsed(start, entry.since))
        if fault is None:
            self._take_in(entry, document, took)
            entry.freshness.confirmed(entry.since, entry.wait_s)
        else:
            entry.freshness.missed(entry.since, entry.wait_s, type(fault).__name__)
            if fault is entry.unusable and polled.exception() is None:
                self._log.debug(f"no other version of '{key_text(entry.key)}' in {took}")
            else:
                self._tell(entry, fault, before)
                self._fall_back(entry, fault)
        if entry.document is not None and entry.freshness.stale != stale:
            self._cache.put(entry.key, entry.document)  # replies that are ready say otherwise

    def _tell(self, entry: _Entry, fault: UpstreamError, before: UpstreamError | None) -> None:
        """Log a fault, and let it name the configuration; `before` is the last poll's."""
        again = (
            f"retry in {entry.wait_s:.0f}s"
            if entry.document is not None or entry.wanted
            else f"retry on request, not within {memory_of(fault, entry.wait_s):.0f}s"
        )
        said = f"retrieve failure for '{key_text(entry.key)}': {fault.message} ({again})"
        fault.message = f"configuration '{key_text(entry.key)}': {fault.message}"
        # What is denied stays so until somebody acts, who need be called once only.
        if isinstance(fault, AccessDenied) and before and before.message == fault.message:
            self._log.warn(said)
        else:
            self._log.error(said)

    def _overdue(self, entry: _Entry, reply: asyncio.Future[Document]) -> None:
        """Serve the snapshot, where the first retrieval has used its budget up and goes on."""
        if entry.document is None and not reply.done():
            self._fall_back(entry, TimedOut("the first retrieval takes too long"))
            if entry.document is not None:
                reply.set_result(entry.document)

    def _fall_back(self, entry: _Entry, fault: UpstreamError) -> None:
        """Serve what is kept of it, if it is: a backup only if the service was not there to say
        otherwise, a snapshot whatever went wrong.
        """
        kept = self._reserve.get(entry.key)
        if entry.document is not None or kept is None:
            return
        if kept.kept_as == SNAPSHOT or not isinstance(fault, REFUSALS):
            del self._reserve[entry.key]
            self._log.warn(f"serving the {kept.kept_as} of '{key_text(entry.key)}'")
            entry.freshness.confirmed(self._moment_of(kept), 0.0)
            entry.freshness.missed(self._now(), entry.wait_s, type(fault).__name__)
            self._put(entry, kept)

    def _fault_of(
        self, entry: _Entry, polled: asyncio.Future[Document | None]
    ) -> UpstreamError | None:
        fault = polled.exception()
        if fault is None:
            return None
        if isinstance(fault, ContentError):
            return Unusable(f"the new version cannot be used: {fault.message}")
        # The worker may still be at it, if it was abandoned: the session goes on without it.
        entry.session = entry.session.copy()
        if isinstance(fault, UpstreamError):
            return fault
        if isinstance(fault, MemoryError):
            return Unavailable("there is not enough memory to retrieve it; give the function more")
        self._log.exception(f"the retrieval of '{key_text(entry.key)}' broke", fault)
        if isinstance(fault, FastextError):
            return UpstreamError(fault.message)
        return UpstreamError(f"internal error: {type(fault).__name__}; the log says more")

    def _take_in(self, entry: _Entry, document: Document | None, took: str) -> None:
        name = key_text(entry.key)
        known = entry.document
        if known is None and document is not None and not document.content:
            # As in a later session: what is kept is what has not changed.
            kept = self._reserve.pop(entry.key, None)
            if kept is not None:
                self._log.warn(f"serving the {kept.kept_as} of '{name}'")
                self._put(entry, kept)
                return
        if document is None or is_unchanged(document, known):
            self._log.debug(f"verified latest data for '{name}' in {took}")
            return
        if known is None:
            self._log.info(f"retrieved initial data for '{name}' in {took}")
        elif document.follows(known):
            document.version = known.version + 1
            self._log.info(f"updated cache data for '{name}' in {took}")
        else:
            document.version = known.version
            self._log.debug(f"verified latest data for '{name}' in {took}")
            if document.version_label == known.version_label and not known.kept_as:
                return
        for warning in document.warnings:
            self._log.warn(f"configuration '{name}': {warning}")
        self._reserve.pop(entry.key, None)
        self._put(entry, document)

    def _put(self, entry: _Entry, document: Document) -> None:
        document.freshness = entry.freshness
        entry.document = document
        self._cache.put(entry.key, document)
        self._arrived(entry.key, document)
