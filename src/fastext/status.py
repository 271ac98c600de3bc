"""What `/status` tells: every configuration, what was asked of AWS, and how the start went.

Nothing here is secret: no value of a variable, no token, no credentials; faults are told as a
caller would be told.
"""

from collections.abc import Callable

from fastext.charges import Charges
from fastext.poller import Poller


class Status:
    """Gathers it when asked.

    `client` is `direct`, `botocore` or `local`; `phases` gives the start's phases in milliseconds,
    by name.
    """

    __slots__ = ("_charges", "_client", "_phases", "_poller", "_version")

    def __init__(
        self,
        version: str,
        client: str,
        poller: Poller,
        charges: Charges,
        phases: Callable[[], dict[str, float]],
    ) -> None:
        self._version = version
        self._client = client
        self._poller = poller
        self._charges = charges
        self._phases = phases

    def __call__(self) -> dict[str, object]:
        charges = self._charges
        source = "local" if self._client == "local" else "service"
        return {
            "version": self._version,
            "dataClient": self._client,
            "configurations": self._poller.states(source),
            "calls": {
                "sessions": charges.sessions,
                "gets": charges.gets,
                "configurationsReceived": charges.received,
                "estimatedDollars": round(charges.dollars, 7),
            },
            "startMilliseconds": self._phases(),
        }
