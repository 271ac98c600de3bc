"""What is asked of AWS AppConfig, counted where it is paid for.

Both requests of the data API and each configuration received are charged (API reference,
GetLatestConfiguration, "priced call"). The prices are those of us-east-1, in US dollars; they are
an estimate, and kept here alone.
"""

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastext.deadline import Deadline
    from fastext.document import Key
    from fastext.session import DataClient, Retrieved

PRICE_OF_REQUEST = 0.000_000_2
PRICE_OF_CONFIGURATION = 0.000_8


class Charges:
    """Counts of sessions started, polls (gets) made and configurations received."""

    __slots__ = ("_lock", "gets", "received", "sessions")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.sessions = 0
        self.gets = 0
        self.received = 0

    def count(self, *, sessions: int = 0, gets: int = 0, received: int = 0) -> None:
        with self._lock:
            self.sessions += sessions
            self.gets += gets
            self.received += received

    @property
    def dollars(self) -> float:
        """The price of all that, estimated."""
        requests = self.sessions + self.gets
        return requests * PRICE_OF_REQUEST + self.received * PRICE_OF_CONFIGURATION

    def text(self) -> str:
        """All of it, as the log has it."""
        return (
            f"{self.sessions} sessions, {self.gets} gets, {self.received} configurations received, "
            f"about ${self.dollars:.4f}"
        )


class CountedClient:
    """A session.DataClient that counts what it asks of `client`."""

    __slots__ = ("_charges", "_client")

    def __init__(self, client: "DataClient", charges: Charges) -> None:
        self._client = client
        self._charges = charges

    def start_configuration_session(
        self, key: "Key", minimum_interval_s: int, deadline: "Deadline"
    ) -> str:
        self._charges.count(sessions=1)
        return self._client.start_configuration_session(key, minimum_interval_s, deadline)

    def get_latest_configuration(self, token: str, deadline: "Deadline") -> "Retrieved":
        self._charges.count(gets=1)
        got = self._client.get_latest_configuration(token, deadline)
        if got.content:
            self._charges.count(received=1)
        return got
