"""The first retrievals, begun before the server is loaded.

To load the event loop takes five times as long as to ask AWS AppConfig for a configuration
directly. So where the direct client suffices, its threads are started first, and wait for the
network while the main thread imports the rest. They import nothing themselves until that is done.
"""

import _thread
import threading
import time

from fastext._parse import parse_configuration
from fastext.charges import Charges, CountedClient
from fastext.deadline import Deadline
from fastext.errors import RequestError
from fastext.session import ConfigurationSession, Retrieved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastext.document import Key
    from fastext.session import DataClient
    from fastext.settings import Settings


# A first poll that nobody joins ends after so long: Lambda gives ten seconds to start in, and some
# to what is started again.
UNJOINED_S = 60.0


class HeadStart:
    """What has been begun.

    `keys` are the configurations to prefetch, and `problems` has a line for each item that names
    none. `client` is the direct client, or None where only botocore will do; then `sessions` is
    empty. `charges` counts what is asked of the service. `imported` is to be set when the main
    thread has imported what it imports.
    """

    __slots__ = ("_begun", "charges", "client", "imported", "keys", "problems", "sessions")

    def __init__(self, settings: "Settings", environ: "Mapping[str, str]") -> None:
        self.keys, self.problems = keys_of(settings.prefetch_list or ())
        self.imported = threading.Event()
        self.charges = Charges()
        self.client: CountedClient | None = None
        if settings.data_client == "direct":
            # Not at the top: a start with botocore has no use for it.
            from fastext.direct import DirectAppConfigData, plan

            planned = plan(settings, environ)
            if planned is not None:
                direct = DirectAppConfigData(planned, self.imported.wait)
                self.client = CountedClient(direct, self.charges)
        self.sessions: dict[Key, FirstPoll] = {}
        # What more is asked for may say from where, by which role, or that there is no need.
        if self.client is not None and not settings.beyond_retrieval:
            most = min(settings.max_connections, settings.max_configurations)
            for key in self.keys[:most]:
                self.sessions[key] = FirstPoll(self.client, key, settings.poll_interval_s)
        self._begun = tuple(self.sessions.values())

    def ended_at(self) -> float:
        """When the last of `keys` had arrived here, by the monotonic clock; 0 if not all have."""
        if not self._begun or len(self._begun) < len(self.keys):
            return 0.0
        moments = [first.ended_at for first in self._begun]
        return max(moments) if all(moments) else 0.0


class FirstPoll(ConfigurationSession):
    """A session whose first poll runs on a thread of its own; `poll` joins it.

    What it may take counts from then: before, the thread may have had to wait for imports.
    `ended_at` is when the thread had its result, in seconds of the monotonic clock, or 0.
    """

    __slots__ = ("_deadline", "_ended", "_fault", "_first", "_joined", "ended_at")

    def __init__(self, client: "DataClient", key: "Key", poll_interval_s: float) -> None:
        super().__init__(client, key, poll_interval_s)
        self._deadline = Deadline(UNJOINED_S)
        self._ended = threading.Event()
        self._first: Retrieved | None = None
        self._fault: BaseException | None = None
        self._joined = False
        self.ended_at = 0.0
        self.began = (time.monotonic(), time.time())
        try:
            # Not threading.Thread, which waits for the new thread: see workers.
            _thread.start_new_thread(self._run, ())
        except (RuntimeError, MemoryError):  # no room for another thread: poll when asked to
            self._joined = True

    def poll(self, deadline: Deadline) -> Retrieved | None:
        """As the base's; the first time it is the thread's result."""
        if self._joined:
            return super().poll(deadline)
        if not self._ended.wait(deadline.remaining_s()):
            self._deadline.expire()
            raise deadline.fault()
        self._joined, self.began = True, None
        first, self._first = self._first, None
        if self._fault is not None:
            raise self._fault
        return first

    def _run(self) -> None:
        try:
            self._first = super().poll(self._deadline)
        except BaseException as fault:
            self._fault = fault
        self.ended_at = time.monotonic()
        self._ended.set()


def keys_of(items: "tuple[str, ...]") -> "tuple[list[Key], list[str]]":
    """The configurations that PREFETCH_LIST names, each once, and a line for each bad item."""
    keys: list[Key] = []
    problems = []
    for item in items:
        try:
            key = parse_configuration(item)
        except RequestError as fault:
            problems.append(
                f"AWS_APPCONFIG_EXTENSION_PREFETCH_LIST: {item!r}: {fault.message}; "
                "it is not prefetched"
            )
            continue
        if key not in keys:
            keys.append(key)
    return keys, problems
