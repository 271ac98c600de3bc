"""What AWS's agent does beyond retrieving: a manifest with roles and copies, backups, local files.

Loaded only where one of its variables is set. It stands between the composition root and the
poller: it chooses the data client of each configuration, adds what is to be prefetched, and hears
of every new document.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from fastext._parse import parse_configuration
from fastext.backup import MAX_BYTES, Backup, encode, file_name, load, remove_drafts
from fastext.cache import Cache
from fastext.charges import Charges, CountedClient
from fastext.document import BACKUP, SNAPSHOT, Document, Key, key_text, read_document
from fastext.errors import FastextError, ManifestError, RequestError
from fastext.files import read_regular, write_whole
from fastext.late_client import LateClient
from fastext.local import LocalFiles
from fastext.logs import Log
from fastext.manifest import Entry, Manifest, is_under, parse_manifest
from fastext.poller import Poller
from fastext.session import ConfigurationSession, DataClient
from fastext.settings import Role, Settings
from fastext.workers import Errands

# The bound of a configuration that AWS AppConfig keeps itself is 2 MB by default.
MAX_MANIFEST_BYTES = 8 * 1024 * 1024

_NO_ENTRY = Entry()

# What names of configurations are made of, nearly always.
_OF_NAMES = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/%")


class Agent:
    """`default` is the data client of all configurations that are read by no role of their own;
    `charges` counts what the others are asked.

    The methods run on the loop's thread, but for `load`.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        log: Log,
        cache: Cache,
        default: DataClient,
        charges: Charges,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._log = log
        self._cache = cache
        self._local = LocalFiles(settings.local_directory) if settings.local_directory else None
        # What is on this machine already needs no backup.
        self._backups = None if self._local else settings.backup_directory
        self._snapshots = None if self._local else settings.snapshot_directory
        self._default = default
        self._charges = charges
        self._clients: dict[Role, LateClient] = {}
        self._manifest = Manifest()
        self._followed: Key | None = None  # the configuration that is the manifest
        self._settled = asyncio.Event()  # first requests may go on
        # One at a time: a copy never overtakes an older one.
        self._disk: Errands | None = None
        self.poller: Poller | None = None
        if settings.local_directory:
            log.info(f"serving the files of '{settings.local_directory}'; AWS is not called")
            if not os.path.isdir(settings.local_directory):
                log.warn(f"LOCAL_DEVELOPMENT_DIRECTORY: '{settings.local_directory}' is not there")
        self._read_manifest(settings.manifest or "{}")

    def begin(self, symbols: Callable[[], Mapping[int, str]]) -> None:
        """Read the snapshots and the backups; `symbols` is for those that are Ion."""
        self._disk = Errands(asyncio.get_running_loop(), self._log)
        if self._backups:
            remove_drafts(self._backups)
        # A backup is younger than what was shipped, and takes its place.
        for kept_as, folder in (SNAPSHOT, self._snapshots), (BACKUP, self._backups):
            files, problems = load(folder) if folder else ([], [])
            if kept_as == SNAPSHOT and folder and not os.path.isdir(folder):
                problems = problems or [f"folder '{folder}' is not there"]
            for problem in problems:
                self._log.warn(f"{kept_as} {problem}")
            for file in files:
                try:
                    self._restore(file, kept_as, symbols)
                except Exception as fault:  # one file must not take the others down
                    said = fault.message if isinstance(fault, FastextError) else repr(fault)
                    self._log.warn(f"{kept_as} of '{key_text(file.key)}': {said}; it is ignored")

    def _restore(
        self, backup: Backup, kept_as: str, symbols: Callable[[], Mapping[int, str]]
    ) -> None:
        assert self.poller is not None
        document = read_document(backup.content, backup.content_type, backup.version_label, symbols)
        document.version, document.saved_at = backup.version, backup.saved_at
        document.kept_as = kept_as
        if kept_as == BACKUP and self._settings.preload_backups:
            self.poller.preload(backup.key, document)
            self._log.info(f"loaded the backup of '{key_text(backup.key)}'")
        else:
            self.poller.reserve(backup.key, document)

    def local_keys(self) -> list[Key]:
        """The configurations of the local folder."""
        return self._local.keys() if self._local is not None else []

    def new_session(self, key: Key) -> ConfigurationSession:
        return ConfigurationSession(self._client_of(key), key, self._settings.poll_interval_s)

    def load(self) -> None:
        """Load the clients of roles; on a worker."""
        for client in tuple(self._clients.values()):
            client.load()

    async def fetch(self, key: Key) -> Document:
        """As `Poller.fetch`, but not before it is known by which role.

        Raises FastextError.
        """
        if key != self._followed:
            await self._settled.wait()
        assert self.poller is not None
        return await self.poller.fetch(key)

    async def prefetch(self, keys: Iterable[Key]) -> "list[asyncio.Future[Document]]":
        """Start retrieving `keys` and those of the manifest, after the manifest itself."""
        assert self.poller is not None
        if self._followed is not None:
            retrievals = self.poller.prefetch([self._followed])
            if not self._settled.is_set():
                await asyncio.wait(retrievals)
            if not self._settled.is_set():
                self._log.warn(
                    f"the manifest '{key_text(self._followed)}' is not known; until it is, all is "
                    "read with the agent's own credentials"
                )
                self._settled.set()
        return self.poller.prefetch(dict.fromkeys((*keys, *self._manifest.entries)))

    def arrived(self, key: Key, document: Document) -> None:
        """Take note of a new document, which is in the cache already."""
        if self._backups and not document.kept_as:
            path = os.path.join(self._backups, file_name(key))
            self._write(path, partial(self._back_up, key, document, path, time.time()))
        if key == self._followed:
            self._follow(document)
        path = self._entry(key).path
        if path:
            self._copy(key, document, path)

    # -- the manifest

    def _entry(self, key: Key) -> Entry:
        return self._manifest.entries.get(key, _NO_ENTRY)

    def _client_of(self, key: Key) -> DataClient:
        if self._local is not None:
            return self._local
        role = self._entry(key).role
        if role is None:
            return self._default
        if role not in self._clients:
            self._clients[role] = LateClient(self._settings, self._environ, role)
        return CountedClient(self._clients[role], self._charges)

    def _read_manifest(self, source: str) -> None:
        """Read MANIFEST: the manifest itself, its file, or the configuration that it is."""
        file = source.startswith("file:")
        if not (file or _is_manifest(source)):
            try:
                self._followed = parse_configuration(source)
            except RequestError as fault:
                # What is none may be anything, a secret as well.
                shown = repr(source) if set(source) <= _OF_NAMES else "its value"
                self._log.error(f"MANIFEST: {shown}: {fault.message}; there is no manifest")
            if self._followed is None or not self._settings.wait_on_manifest:
                self._settled.set()
            return
        try:
            self._adopt(read_regular(file_of(source), MAX_MANIFEST_BYTES) if file else source)
        except (OSError, ManifestError) as fault:
            self._log.error(f"MANIFEST: {fault}; there is no manifest")
        self._settled.set()

    def _adopt(self, text: str | bytes) -> None:
        """Let `text` be the manifest. Raises ManifestError."""
        self._manifest = parse_manifest(text, self._settings.write_roots)
        for warning in self._manifest.warnings:
            self._log.warn(f"manifest: {warning}")

    def _follow(self, document: Document) -> None:
        assert self.poller is not None
        assert self._followed is not None
        before, name = self._manifest.entries, key_text(self._followed)
        try:
            self._adopt(document.content)
        except ManifestError as fault:
            held = "the one before it holds" if before else "there is no manifest"
            self._log.error(f"manifest '{name}': {fault}; {held}")
            return
        now = self._manifest.entries
        self._log.info(f"the manifest '{name}' lists {len(now)} configurations")
        for key in dict.fromkeys((*before, *now)):
            old, new = before.get(key, _NO_ENTRY), self._entry(key)
            if old.role != new.role:
                self.poller.renew(key)
            cached = self._cache.get(key)
            if new.path and new.path != old.path and cached is not None:
                self._copy(key, cached, new.path)
        self._settled.set()
        self.poller.prefetch(key for key in now if key not in before)

    # -- copies and backups, written on a thread

    def _back_up(self, key: Key, document: Document, path: str, saved_at: float) -> None:
        try:
            content = encode(key, document, saved_at)
            if len(content) > MAX_BYTES:
                raise OSError(f"it has over {MAX_BYTES} bytes")
            write_whole(path, content)
        except OSError as fault:
            self._log.error(f"cannot save a backup of '{key_text(key)}': {fault}")

    def _copy(self, key: Key, document: Document, path: str) -> None:
        [root] = [root for root in self._settings.write_roots if is_under(path, [root])][:1]

        def write() -> None:
            try:
                write_whole(path, document.content, root)
                self._log.info(f"wrote configuration '{key_text(key)}' to {path}")
            except OSError as fault:
                self._log.error(f"cannot write configuration '{key_text(key)}' to {path}: {fault}")

        self._write(path, write)

    def _write(self, path: str, write: Callable[[], None]) -> None:
        assert self._disk is not None
        self._disk.submit(path, write)


def file_of(source: str) -> str:
    """The path in `file:/path` or `file:///path`."""
    path = source.removeprefix("file:")
    return path.removeprefix("//") if path.startswith("///") else path


def _is_manifest(source: str) -> bool:
    """Whether it can only be meant as JSON, however wrong: names have no such characters."""
    return any(sign in source for sign in '{["')
