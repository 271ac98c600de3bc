"""The retrieved configurations, where the poller puts them and the request side finds them.

One writer, the event loop's thread; nothing here knows of age, polling or sessions. How many
configurations there may be is the poller's decision, because each one costs a session.
"""

from collections.abc import Callable

from fastext.document import Document, Key


class Cache:
    """Documents by key. `changed` is called after every `put`, before anything else can run."""

    __slots__ = ("_changed", "_documents", "get")

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self._documents: dict[Key, Document] = {}
        self._changed = changed
        # The bound method itself: a look-up is one call, not two.
        self.get = self._documents.get

    def put(self, key: Key, document: Document) -> None:
        """Let `document` be what every request for `key` finds from now on."""
        self._documents[key] = document
        self._changed()

    def __len__(self) -> int:
        return len(self._documents)
