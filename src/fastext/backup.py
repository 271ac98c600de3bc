"""Configurations on disk, for a start at which AWS AppConfig cannot be reached.

One file for each configuration, named by a hash of its key, in a form of our own:

    fastext-backup 1 SHA-256 of all that follows \\n
    {"key": [...], "contentType": ..., "versionLabel": ..., "version": ..., "savedAt": ...} \\n
    the content

What is torn, flipped, another program's or too large is told from that and left alone.
"""

import json
import os
import stat

from fastext.digest import sha256
from fastext.errors import BackupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastext.document import Document, Key

SUFFIX = ".backup"
# Files that `write_whole` has begun, and that the end of the process has left behind.
DRAFT_SUFFIX = ".tmp"

_MARK = b"fastext-backup 1 "
_HASH_CHARACTERS = 64

# The year 10000, in which no date can be written.
_END_OF_TIME = 253402300800

# Twice the largest configuration that is retrieved with ease.
MAX_BYTES = 32 * 1024 * 1024


class Backup:
    """A configuration as it was saved at `saved_at`, in seconds since the epoch."""

    __slots__ = ("content", "content_type", "key", "saved_at", "version", "version_label")

    def __init__(
        self,
        key: "Key",
        content: bytes,
        content_type: str,
        version_label: str,
        version: int,
        saved_at: float,
    ) -> None:
        self.key = key
        self.content = content
        self.content_type = content_type
        self.version_label = version_label
        self.version = version
        self.saved_at = saved_at


def file_name(key: "Key") -> str:
    """Names may hold anything, so the file's name is their hash."""
    return sha256(json.dumps(key).encode()).hexdigest()[:40] + SUFFIX


def encode(key: "Key", document: "Document", saved_at: float) -> bytes:
    """The file of `document`."""
    head = {
        "key": key,
        "contentType": document.content_type,
        "versionLabel": document.version_label,
        "version": document.version,
        "savedAt": saved_at,
    }
    body = json.dumps(head).encode() + b"\n" + document.content
    return _MARK + sha256(body).hexdigest().encode() + b"\n" + body


def decode(content: bytes) -> Backup:
    """Read a file. Raises BackupError with the predicate of a sentence."""
    start = len(_MARK) + _HASH_CHARACTERS
    if not content.startswith(_MARK) or content[start : start + 1] != b"\n":
        raise BackupError("is no backup of this version")
    body = memoryview(content)[start + 1 :]
    if sha256(body).hexdigest().encode() != content[len(_MARK) : start]:
        raise BackupError("is damaged")
    try:
        end = content.index(b"\n", start + 1)
        head = json.loads(content[start + 1 : end])
        application, environment, profile = head["key"]
        backup = Backup(
            (str(application), str(environment), str(profile)),
            content[end + 1 :],
            str(head["contentType"]),
            str(head["versionLabel"]),
            int(head["version"]),
            float(head["savedAt"]),
        )
    except (KeyError, TypeError, ValueError) as fault:
        raise BackupError(f"lacks what a backup has: {fault}") from None
    if backup.version < 1 or not 0 < backup.saved_at < _END_OF_TIME:
        raise BackupError("has a version or a time that cannot be")
    return backup


def load(folder: str) -> tuple[list[Backup], list[str]]:
    """All backups in `folder`, the youngest first, and a line for each file that is none."""
    backups, problems = [], []
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return [], []
    except OSError as fault:
        return [], [f"no backups can be read from '{folder}': {fault.strerror}"]
    for name in names:
        if f"{SUFFIX}." in name and name.endswith(DRAFT_SUFFIX):
            continue
        path = os.path.join(folder, name)
        try:
            backup = decode(_read(path))
            if file_name(backup.key) != name:
                raise BackupError("is the backup of another configuration than its name says")
            backups.append(backup)
        except BackupError as fault:
            problems.append(f"'{path}' {fault}; it is ignored")
        except OSError as fault:
            problems.append(f"'{path}' cannot be read: {fault.strerror}; it is ignored")
    return sorted(backups, key=lambda backup: -backup.saved_at), problems


def _read(path: str) -> bytes:
    # Without waiting for a writer, should it be a pipe.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise BackupError("is not a file")
        if about.st_size > MAX_BYTES:
            raise BackupError(f"is larger than {MAX_BYTES} bytes")
        return file.read(MAX_BYTES)
