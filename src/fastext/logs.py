"""Log lines in the form of AWS's agent, one event a line, on standard error.

    [appconfig agent] 2026/11/23 20:15:02 INFO serving on localhost:2772

Lambda sends standard error to CloudWatch Logs and splits it at line ends, so control characters
are escaped: nothing that a caller or a service sends can forge a line. The form, the levels and
the wording are those that tools search for in the real agent's logs. Where Lambda is told to log in
JSON, an event is one object, with the members of Lambda's own runtimes.

Source: AWS Lambda developer guide, "Configuring JSON and plain text log formats".
"""

import contextlib
import os
import select
import sys
import time
from collections.abc import Callable

from fastext.settings import LOG_LEVELS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastext.settings import Settings

TRACE, DEBUG, INFO, WARN, ERROR, FATAL, NONE = range(len(LOG_LEVELS))

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160), 0x2028, 0x2029)} | {
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
}
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in _ESCAPES} | {ord('"'): '\\"', ord("\\"): "\\\\"}

# What a pipe takes whole, or says that it does not take (POSIX, PIPE_BUF on Linux); one byte of it
# may have to end the line before.
LONGEST_LINE_BYTES = 4096 - 1


class Writer:
    """Writes lines to a descriptor, or as much of each as there is room for.

    A reader that has stopped must not stop us, and a closed pipe or a full disk must not end us:
    what does not fit is lost, because there is nowhere else to say so.
    """

    __slots__ = ("_begin", "_descriptor")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._begin = b""  # a line's end, where the last line was cut off

    def __call__(self, line: bytes) -> None:
        room = select.poll()
        room.register(self._descriptor, select.POLLOUT)
        try:
            if room.poll(0):
                whole = self._begin + line
                written = os.write(self._descriptor, whole)
                self._begin = b"" if whole[:written].endswith(b"\n") else b"\n"
        except OSError:
            return


def file_writer(path: str) -> Writer:
    """What appends lines to a file, which is made if it is missing. Raises OSError."""
    # Without waiting for a reader, should it be a pipe.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
    return Writer(os.open(path, flags, 0o600))


class Log:
    """A log of events at or above `level` (one of settings.LOG_LEVELS).

    `write` receives one complete line at a time; without it standard error does. `now` gives
    seconds since the epoch. `line_of` makes a line, without its end. `request_id` is that of the
    current invocation, or empty.
    """

    __slots__ = ("_line_of", "_now", "_threshold", "_write", "debugging", "request_id")

    def __init__(
        self,
        level: str,
        write: Callable[[bytes], None] | None = None,
        now: Callable[[], float] = time.time,
        line_of: "Callable[[float, str, str, str], str] | None" = None,
    ) -> None:
        self._threshold = LOG_LEVELS.index(level)
        self._write = write or Writer(2)
        self._now = now
        self._line_of = line_of or text_line
        self.request_id = ""
        # Read on the hot path, which builds no debug line that nobody wants.
        self.debugging = self._threshold <= DEBUG

    def trace(self, message: str) -> None:
        self._event(TRACE, message)

    def debug(self, message: str) -> None:
        self._event(DEBUG, message)

    def info(self, message: str) -> None:
        self._event(INFO, message)

    def warn(self, message: str) -> None:
        self._event(WARN, message)

    def error(self, message: str) -> None:
        self._event(ERROR, message)

    def fatal(self, message: str) -> None:
        self._event(FATAL, message)

    def exception(self, what: str, error: BaseException) -> None:
        """An ERROR for a failure that nobody foresaw: `what` was going on, and where it broke."""
        place = ""
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            place = f" (at {os.path.basename(code.co_filename)}:{trace.tb_lineno})"
            trace = trace.tb_next
        self.error(f"{what}: {type(error).__name__}: {error}{place}")

    def _event(self, level: int, message: str) -> None:
        if level < self._threshold:
            return
        # What cannot be told, for want of memory perhaps, must not end what it would tell of.
        with contextlib.suppress(Exception):
            self._write(self._line(LOG_LEVELS[level].upper(), message))

    def _line(self, level: str, message: str) -> bytes:
        """The event's line, of its message as much as may be in one."""
        now, request_id = self._now(), characters(self.request_id[:100])
        shown = message[:LONGEST_LINE_BYTES]
        while True:
            text = characters(shown if len(shown) == len(message) else f"{shown}…")
            line = f"{self._line_of(now, level, text, request_id)}\n".encode()
            if len(line) <= LONGEST_LINE_BYTES or not shown:
                return line
            shown = shown[: len(shown) * 3 // 4]


def characters(text: str) -> str:
    """`text` with what is no character and has none in UTF-8, half a surrogate pair, escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def text_line(now: float, level: str, message: str, request_id: str) -> str:
    """An event as the agent logs it, which knows nothing of invocations."""
    stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.localtime(now))
    return f"[appconfig agent] {stamp} {level} {printable(message)}"


def json_line(now: float, level: str, message: str, request_id: str) -> str:
    """An event as Lambda's runtimes log it in JSON; Lambda filters by `timestamp` and `level`."""
    whole, part = divmod(int(now * 1000), 1000)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    request = f',"requestId":"{json_text(request_id)}"' if request_id else ""
    return (
        f'{{"timestamp":"{stamp}.{part:03}Z","level":"{level}","logger":"appconfig agent",'
        f'"message":"{json_text(message)}"{request}}}'
    )


def json_text(text: str) -> str:
    """`text` as it stands between the quotation marks of a JSON string; `json` is an import."""
    return text.translate(_JSON_ESCAPES)


def new_log(settings: "Settings") -> Log:
    """The log, in its file or, where there is none to be had, on standard error."""
    line_of = json_line if settings.log_json else text_line
    log = Log(settings.log_level, line_of=line_of)
    if not settings.log_path:
        return log
    try:
        return Log(settings.log_level, file_writer(settings.log_path), line_of=line_of)
    except OSError as fault:
        log.warn(f"LOG_PATH: {fault}; the log goes to standard error")
        return log


def printable(text: str) -> str:
    """`text` without a character that could end or recolour a log line."""
    return text.translate(_ESCAPES)


def duration(seconds: float) -> str:
    """`seconds` in Go's notation, as the agent's log lines have it: 458ns, 22.5ms, 1.2s, 1m30s."""
    for unit, size in (("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3)):
        if seconds < 1000 * size * 0.9999995:  # what would not round up to the next unit
            return f"{seconds / size:.3f}".rstrip("0").rstrip(".") + unit
    minutes, rest = divmod(round(seconds, 3), 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{rest:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def to_standard_error(text: str) -> None:
    """A line for a person at a terminal: usage errors, before there is a log."""
    sys.stderr.write(text + "\n")
