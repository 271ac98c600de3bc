"""The botocore client, imported when it is needed.

That takes longer than everything else together, so it is done when we serve already, and by the
worker that needs it: never while the loop's thread imports (gh-125245).
"""

import threading
from collections.abc import Mapping

from fastext.deadline import Deadline
from fastext.document import Key
from fastext.session import DataClient, Retrieved
from fastext.settings import Role, Settings
from fastext.stand_ins import stand_ins

# One thread at a time imports.
_importing = threading.Lock()


class LateClient:
    """session.DataClient by botocore, and by `role` if there is one."""

    def __init__(
        self, settings: Settings, environ: Mapping[str, str], role: Role | None = None
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._role = role
        self._client: DataClient | None = None

    def load(self) -> None:
        """Import the client, unless that is done."""
        with _importing:
            if self._client is None:
                with stand_ins():
                    from fastext.client import AppConfigData

                self._client = AppConfigData(self._settings, self._environ, self._role)

    def start_configuration_session(
        self, key: Key, minimum_interval_s: int, deadline: Deadline
    ) -> str:
        assert self._client is not None
        return self._client.start_configuration_session(key, minimum_interval_s, deadline)

    def get_latest_configuration(self, token: str, deadline: Deadline) -> Retrieved:
        assert self._client is not None
        return self._client.get_latest_configuration(token, deadline)
