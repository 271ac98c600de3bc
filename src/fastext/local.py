"""Local development: configurations from a folder, in place of AWS AppConfig.

A file is named by its configuration and its content type:

    app:env:profile                                 application/octet-stream
    app:env:profile.json                            application/json
    app:env:profile.text%csv                        text/csv
    app:env:profile.application%ion%type=AWS...     application/ion;type=AWS...

Where a file system does not take a colon, `%3A` stands for it, and in the same way `%2F` for a
slash in a name. Files alone are served, and none that a symbolic link fetches from elsewhere.

Source: AWS AppConfig user guide, "Using AWS AppConfig Agent for local development".
"""

import os

from fastext.deadline import Deadline
from fastext.document import DEFAULT_CONTENT_TYPE, Key, key_text
from fastext.errors import InvalidUpstreamRequest, NotFound, Unavailable
from fastext.files import open_regular
from fastext.session import Retrieved

# What stands for a content type of its own; all others are written as type%subtype.
CONTENT_TYPES = {
    "json": "application/json",
    "txt": "text/plain",
    "yaml": "application/x-yaml",
    "yml": "application/x-yaml",
}


class LocalFiles:
    """session.DataClient by the files of `folder`. Threads may share it.

    A token is the name of the configuration, and what its file was like when it was last read.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def start_configuration_session(
        self, key: Key, minimum_interval_s: int, deadline: Deadline
    ) -> str:
        """Raises NotFound if there is no file, InvalidUpstreamRequest if there are several."""
        self._find(key_text(key))
        return f"\n{key_text(key)}"

    def get_latest_configuration(self, token: str, deadline: Deadline) -> Retrieved:
        """Raises as above, and Unavailable where the file cannot be read."""
        seen, _, name = token.partition("\n")
        path, content_type = self._find(name)
        try:
            with open_regular(path, self._folder) as file:
                about = os.fstat(file.fileno())
                now = f"{path}:{about.st_ino}:{about.st_size}:{about.st_mtime_ns}"
                now = now.replace("\n", " ")
                content = file.read() if now != seen else b""
        except OSError as fault:
            raise Unavailable(f"'{path}' cannot be read: {fault.strerror}") from None
        return Retrieved(content, content_type, "", f"{now}\n{name}", 0.0)

    def keys(self) -> list[Key]:
        """The configurations that there are files of; none where the folder cannot be read.

        A file whose suffix names no content type is taken for something else, such as a copy that
        an editor has left, though it is served to who asks for it by its whole name.
        """
        try:
            entries = sorted(os.listdir(self._folder))
        except OSError:
            return []
        return list(dict.fromkeys(key for entry in entries if (key := key_of(entry)) is not None))

    def _find(self, name: str) -> tuple[str, str]:
        """The one file of a configuration, and its content type."""
        try:
            entries = sorted(os.listdir(self._folder))
        except OSError as fault:
            raise Unavailable(f"'{self._folder}' cannot be read: {fault.strerror}") from None
        found = [
            (entry, content_type)
            for entry in entries
            if (content_type := content_type_of(entry, name)) is not None
        ]
        if not found:
            raise NotFound(f"'{self._folder}' has no file '{name}' or '{name}.json'")
        if len(found) > 1:
            files = ", ".join(f"'{entry}'" for entry, _ in found)
            raise InvalidUpstreamRequest(f"'{self._folder}' has several files of it: {files}")
        entry, content_type = found[0]
        return os.path.join(self._folder, entry), content_type


def content_type_of(entry: str, name: str) -> str | None:
    """The content type that a file's name says, or None where it is not a file of `name`.

    >>> content_type_of("shop:prod:flags.text%plain", "shop:prod:flags")
    'text/plain'
    """
    plain = plain_name(entry)
    if plain == name:
        return DEFAULT_CONTENT_TYPE
    if not plain.startswith(f"{name}."):
        return None
    # Behind the name a percent sign is a separator, whatever follows it.
    suffix = plain[len(name) + 1 :]
    if suffix in CONTENT_TYPES:
        return CONTENT_TYPES[suffix]
    kind, percent, rest = suffix.partition("%")
    if not percent or "." in kind or not kind or not rest:
        return None
    return f"{kind}/{rest.replace('%', ';')}"


def plain_name(entry: str) -> str:
    """A file's name without the escapes for what a file system does not take."""
    escapes = {"%3A": ":", "%3a": ":", "%2F": "/", "%2f": "/"}
    for escape, character in escapes.items():
        entry = entry.replace(escape, character)
    return entry


def key_of(entry: str) -> Key | None:
    """The configuration that a file is most likely of, or None where it is of none.

    >>> key_of("shop:prod:flags.v2.json")
    ('shop', 'prod', 'flags.v2')
    """
    parts = plain_name(entry).split(":")
    if len(parts) != 3 or not all(parts):
        return None
    application, environment, file = parts
    names = file.split(".")
    for count in range(1, len(names)):
        key = (application, environment, ".".join(names[:count]))
        if key[2] and content_type_of(entry, key_text(key)) is not None:
            return key
    return None if "." in file else (application, environment, file)
