"""Files: written whole or not at all, for their owner alone; read if they are files at all."""

import contextlib
import errno
import os
import stat
from typing import BinaryIO


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


def open_regular(path: str, within: str = "") -> BinaryIO:
    """Open a file for reading, if it is one: neither a pipe nor a device. Raises OSError.

    Where `within` is given, it must truly lie in that folder, whatever symbolic links say.
    """
    if within:
        check_within(path, within)
    # Without waiting for a writer, should it be a pipe.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", path)
    return os.fdopen(descriptor, "rb")


def read_regular(path: str, most: int) -> bytes:
    """The content of such a file, of at most so many bytes. Raises OSError."""
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most} bytes", path)
    return content


def check_within(path: str, root: str) -> None:
    """Raises OSError unless `path`, as far as it exists, really lies in `root`."""
    real_root = os.path.realpath(root)
    if os.path.commonpath([os.path.realpath(path), real_root]) != real_root:
        raise PermissionError(errno.EPERM, f"it leads out of '{root}'", path)
