"""Log lines: their form, their levels, and that nobody can forge one."""

import re
import subprocess
import sys

import pytest
from waiting import until

from fastext.logs import Log, duration
from fastext.settings import LOG_LEVELS


def lines_of(level, act):
    lines = []
    act(Log(level, lines.append, lambda: 1_700_000_000.0))
    return [line.decode() for line in lines]


def test_a_line_has_the_form_of_the_agent_s():
    (line,) = lines_of("info", lambda log: log.info("serving on localhost:2772"))
    assert re.fullmatch(
        r"\[appconfig agent\] 2023/11/1\d \d\d:\d\d:\d\d INFO serving on localhost:2772\n", line
    )


@pytest.mark.parametrize("level", LOG_LEVELS)
def test_a_level_lets_itself_and_what_is_graver_through(level):
    def act(log):
        for each in LOG_LEVELS[:-1]:
            getattr(log, each)("x")

    assert len(lines_of(level, act)) == len(LOG_LEVELS) - 1 - LOG_LEVELS.index(level)


def test_one_event_is_one_line_whatever_it_holds():
    (line,) = lines_of("info", lambda log: log.warn("a\nb\r\x1b[31m\x85\u2028c\udcff"))
    assert line.count("\n") == 1
    assert line.endswith("a\\nb\\r\\x1b[31m\\x85\\x2028c\\udcff\n")


def test_an_unforeseen_failure_names_its_place():
    def act(log):
        try:
            raise ZeroDivisionError("x")
        except ZeroDivisionError as fault:
            log.exception("dividing", fault)

    (line,) = lines_of("error", act)
    assert re.search(r"ERROR dividing: ZeroDivisionError: x \(at test_logs.py:\d+\)", line)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0ns"), (458e-9, "458ns"), (0.0225, "22.5ms"), (1.2, "1.2s"), (0.135032, "135.032ms"),
     (60, "1m0s"), (90, "1m30s"),
     (59.9999, "1m0s"), (3600, "1h0m0s"), (1e-3, "1ms"), (0.99999999, "1s")],
)  # fmt: skip
def test_durations_are_in_go_s_notation(seconds, text):
    assert duration(seconds) == text


def test_a_full_pipe_loses_the_line_and_holds_nobody_up():
    script = (
        "import os, sys\nfrom fastext.logs import Log\nlog = Log('info')\n"
        "for _ in range(3000): log.info('x' * 100)\nlog.info('y' * 100_000)\nos.write(1, b'done')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert process.stdout.read() == b"done", "though nobody has read its standard error"
        assert process.stderr.read().startswith(b"[appconfig agent]")
    finally:
        process.kill()
        process.communicate()


def test_the_log_may_be_a_file(start, appconfig, tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"before\n")
    program = start(AWS_ENDPOINT_URL=appconfig.url, LOG_PATH=str(path))
    until(lambda: b"serving on localhost" in path.read_bytes())
    assert path.read_bytes().startswith(b"before\n[appconfig agent] ")
    assert program.stop() == 0
    assert program.log == ""


def test_a_file_that_cannot_be_written_leaves_standard_error(start, appconfig, tmp_path):
    program = start(AWS_ENDPOINT_URL=appconfig.url, LOG_PATH=str(tmp_path)).wait_serving()
    program.wait_for_log("WARN LOG_PATH: .*Is a directory.*; the log goes to standard error")
