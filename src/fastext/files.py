"""Files: written whole or not at all, for their owner alone; read if they are files at all."""

import contextlib
import errno
import os
import stat


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


def read_regular(path: str, most: int) -> bytes:
    """The content of a file of at most so many bytes; neither a pipe nor a device. Raises OSError.

    A symbolic link is followed.
    """
    # Without waiting for a writer, should it be a pipe.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", path)
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most} bytes", path)
    return content


def check_within(folder: str, root: str) -> None:
    """Raises OSError unless `folder`, as far as it exists, really lies in `root`."""
    real_root = os.path.realpath(root)
    if os.path.commonpath([os.path.realpath(folder), real_root]) != real_root:
        raise PermissionError(f"'{folder}' leads out of '{root}'")
