"""Configurations on disk, for a start at which AWS AppConfig cannot be reached.

One file for each configuration, named by a hash of its key, in a form of our own:

    fastext-backup 1 SHA-256 of all that follows \\n
    {"key": [...], "contentType": ..., "versionLabel": ..., "version": ..., "savedAt": ...} \\n
    the content

What is torn, flipped, another program's or too large is told from that and left alone.
"""

import contextlib
import json
import os
import stat
import time

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
_FILE_HASH_CHARACTERS = 40

# Of a file's second line; three names and two fields of a document are well below.
MAX_HEAD_BYTES = 16 * 1024

# As the service has them, and what JSON is written with here.
_MAX_NAME_CHARACTERS = 128
_MAX_VERSION = 2**63

# A draft that is older was left behind: to write one takes seconds at most.
_DRAFT_S = 60.0

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
    return sha256(json.dumps(key).encode()).hexdigest()[:_FILE_HASH_CHARACTERS] + SUFFIX


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
    end = content.find(b"\n", start + 1, start + 1 + MAX_HEAD_BYTES)
    try:
        head = json.loads(content[start + 1 : end]) if end >= 0 else None
    except (ValueError, RecursionError) as fault:
        raise BackupError(f"has a head that is no JSON: {fault}") from None
    if not isinstance(head, dict):
        raise BackupError("lacks the head of a backup")
    version, saved_at = head.get("version"), head.get("savedAt")
    if type(version) is not int or not 0 < version < _MAX_VERSION:
        raise BackupError("has no version that can be")
    if not isinstance(saved_at, int | float) or not 0 < saved_at < _END_OF_TIME:
        raise BackupError("has no time that can be")
    return Backup(
        _key_in(head),
        content[end + 1 :],
        _text_in(head, "contentType"),
        _text_in(head, "versionLabel"),
        version,
        float(saved_at),
    )


def _key_in(head: "dict[str, object]") -> "Key":
    """Three names such as can be asked for; others would be served to nobody."""
    names = head.get("key")
    if not isinstance(names, list) or len(names) != 3 or not all(map(_is_name, names)):
        raise BackupError("has a key that is none")
    return (names[0], names[1], names[2])


def _is_name(name: object) -> bool:
    return (
        isinstance(name, str)
        and 0 < len(name) <= _MAX_NAME_CHARACTERS
        # No control character, and no half of a surrogate pair, which UTF-8 cannot have.
        and not any("\ud800" <= c <= "\udfff" or c < " " or c == "\x7f" for c in name)
    )


def _text_in(head: "dict[str, object]", name: str) -> str:
    text = head.get(name)
    if not isinstance(text, str):
        raise BackupError(f"has no text as {name}")
    return text


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
        if is_draft(name):
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
        except Exception as fault:  # one file must not take the others down
            problems.append(f"'{path}' cannot be read: {fault!r}; it is ignored")
    return sorted(backups, key=lambda backup: -backup.saved_at), problems


def remove_drafts(folder: str) -> None:
    """Remove what `write_whole` has begun here and killed processes have not ended."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if is_draft(name) and time.time() - os.lstat(path).st_mtime > _DRAFT_S:
                os.unlink(path)


def is_draft(name: str) -> bool:
    """Whether a file's name is that of a draft of a backup."""
    parts = name.split(".")
    return (
        len(parts) == 5
        and len(parts[0]) == _FILE_HASH_CHARACTERS
        and set(parts[0]) | set(parts[3]) <= set("0123456789abcdef")
        and parts[1] == SUFFIX[1:]
        and parts[2].isdecimal()
        and parts[4] == DRAFT_SUFFIX[1:]
    )


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
