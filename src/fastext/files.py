"""Files that are written whole or not at all, and can be read by their owner alone."""

import contextlib
import os


def write_whole(path: str, content: bytes, within: str = "") -> None:
    """Replace the file `path` by `content`; what reads it sees the old one or the new one.

    Missing folders are made. Where `within` is given, the folder must truly lie in it, whatever
    symbolic links say. Raises OSError.
    """
    folder = os.path.dirname(path)
    if within:
        check_within(folder, within)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if within:
        check_within(folder, within)
    draft = f"{path}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


def check_within(folder: str, root: str) -> None:
    """Raises OSError unless `folder`, as far as it exists, really lies in `root`."""
    real_root = os.path.realpath(root)
    if os.path.commonpath([os.path.realpath(folder), real_root]) != real_root:
        raise PermissionError(f"'{folder}' leads out of '{root}'")
