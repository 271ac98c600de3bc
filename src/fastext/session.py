"""One configuration session with AWS AppConfig: its token, and what each answer does to it.

    state      call    answer                            what follows
    ---------  ------  --------------------------------  ------------------------------------------
    no token   start   201                               token kept -> get
    no token   start   any error                         no token, the error
    token      get     200 with content, or first empty  next token kept, the content
    token      get     200 empty                         next token kept, "unchanged"
    token      get     TokenRejected (expired,           token dropped, one new session, one more
                       corrupted, used, no Problem)      get; rejected again: the error
    token      get     PolledTooEarly                    token kept, the error
    token      get     InvalidUpstreamRequest, NotFound  token dropped, the error: what it is for
                                                         may be there again, under another
    token      get     any other error, or none at all   token kept, the error: whether the service
                                                         has consumed it is unknown; if it has, the
                                                         next get is the third row

The next token is kept together with the content or not at all, so that content which did not
arrive whole is asked for again. Content that did, and that nobody heard of because the poll was
abandoned, is asked for by a new session: the old one would call it "unchanged".

This module does not know threads, clocks or other configurations; it says which client it needs
(`DataClient`), and is given one.

Source: AppConfig Data API, StartConfigurationSession and GetLatestConfiguration.
"""

import math

from fastext.errors import InvalidUpstreamRequest, NotFound, TokenRejected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from fastext.deadline import Deadline
    from fastext.document import Key
else:
    Protocol = object  # typing takes longer to import than everything else here

# The bounds of RequiredMinimumPollIntervalInSeconds.
SHORTEST_INTERVAL_S = 15
LONGEST_INTERVAL_S = 86400


class Retrieved:
    """One answer of GetLatestConfiguration."""

    __slots__ = ("content", "content_type", "next_interval_s", "next_token", "version_label")

    def __init__(
        self,
        content: bytes,
        content_type: str,
        version_label: str,
        next_token: str,
        next_interval_s: float,
    ) -> None:
        self.content = content
        self.content_type = content_type
        self.version_label = version_label
        self.next_token = next_token
        self.next_interval_s = next_interval_s


class DataClient(Protocol):
    """The two calls of the AppConfig Data API; both raise UpstreamError and nothing else."""

    def start_configuration_session(
        self, key: "Key", minimum_interval_s: int, deadline: "Deadline"
    ) -> str:
        """The initial configuration token."""

    def get_latest_configuration(self, token: str, deadline: "Deadline") -> Retrieved:
        """The configuration, its content empty where it is unchanged in this session."""


class ConfigurationSession:
    """The session of one configuration. One thread at a time may poll."""

    __slots__ = ("_client", "_fresh", "_heard", "_key", "_poll_interval_s", "_received", "_token",
                 "began", "interval_s")  # fmt: skip

    def __init__(self, client: DataClient, key: "Key", poll_interval_s: float) -> None:
        self._client = client
        self._key = key
        self._poll_interval_s = poll_interval_s
        self._token = ""
        self._fresh = True  # nothing was received in this session yet
        # Answers that have come, and how many of them had when somebody last heard of it.
        self._received = self._heard = 0
        # What the service wants to lie between two polls, in seconds; 0 until it has said so.
        self.interval_s = 0.0
        # When the next poll had begun, by the monotonic and the wall clock, where it has already.
        self.began: tuple[float, float] | None = None

    def heard(self) -> None:
        """Whoever polls has heard of all that has come; not while a poll is under way."""
        self._heard = self._received

    def copy(self) -> "ConfigurationSession":
        """The same session for another thread, when a poll was abandoned in the middle."""
        twin = ConfigurationSession(self._client, self._key, self._poll_interval_s)
        token = self._token  # before the count, which `poll` raises first
        if self._received == self._heard:
            twin._token, twin._fresh, twin.interval_s = token, self._fresh, self.interval_s
        return twin

    def poll(self, deadline: "Deadline") -> Retrieved | None:
        """What the service has, or None where that is what it gave last.

        Raises UpstreamError.
        """
        if not self._token:
            self._start(deadline)
        try:
            try:
                got = self._client.get_latest_configuration(self._token, deadline)
            except TokenRejected:
                self._start(deadline)
                got = self._client.get_latest_configuration(self._token, deadline)
        except (InvalidUpstreamRequest, NotFound):
            self._token = ""
            raise
        unchanged = not got.content and not self._fresh
        self._received += 1
        # An interval that is no interval must not end the polling.
        self.interval_s = min(max(0.0, got.next_interval_s), LONGEST_INTERVAL_S)
        self._fresh, self._token = False, got.next_token
        return None if unchanged else got

    def _start(self, deadline: "Deadline") -> None:
        self._token, self._fresh = "", True
        minimum_s = math.ceil(self._poll_interval_s)
        self._token = self._client.start_configuration_session(
            self._key, min(max(minimum_s, SHORTEST_INTERVAL_S), LONGEST_INTERVAL_S), deadline
        )
