"""Log lines: their form, their levels, and that nobody can forge one."""

import json
import os
import re
import select
import socket
import subprocess
import sys

import orjson
import pytest
from conftest import FLAGS
from fakes.appconfig import START
from fakes.faults import Status
from hypothesis import given
from hypothesis import strategies as st
from waiting import until

from fastext.logs import LONGEST_LINE_BYTES, Log, Writer, duration, json_line, text_line
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


ANY_TEXT = st.text(st.characters(codec=None), max_size=50)


@given(ANY_TEXT, ANY_TEXT)
def test_any_event_is_one_json_object_on_one_line(message, request_id):
    lines = []
    log = Log("info", lines.append, lambda: 1_700_000_000.0426, json_line)
    log.request_id = request_id
    log.warn(message)
    (line,) = lines
    assert len(line.decode().splitlines()) == 1
    written = message.encode("utf-8", "backslashreplace").decode()
    expected = {"timestamp": "2023-11-14T22:13:20.042Z", "level": "WARN",
                "logger": "appconfig agent", "message": written}  # fmt: skip
    if request_id:
        expected["requestId"] = request_id.encode("utf-8", "backslashreplace").decode()
    assert orjson.loads(line) == expected


def test_in_lambda_the_lines_are_json_with_the_current_invocation(start, appconfig, lambda_api):
    appconfig.next_poll_interval_s = 0
    program = start(
        AWS_LAMBDA_RUNTIME_API=lambda_api.address,
        AWS_LAMBDA_LOG_FORMAT="JSON",
        AWS_ENDPOINT_URL=appconfig.url,
        PREFETCH_LIST="shop:production:features",
        POLL_INTERVAL_SECONDS="1us",
        LOG_LEVEL="debug",
    )
    for number in (1, 2):
        lambda_api.wait_next(number)
        appconfig.deploy("shop", "production", "features", b"%d" % number)
        lambda_api.invoke(f"request-{number}")
        program.wait_for_log("updated cache data", number)
    lambda_api.wait_next(3)
    lambda_api.shutdown()
    assert program.wait() == 0
    events = [json.loads(line) for line in program.log.splitlines()]
    requests = {}
    for event in events:
        assert {"timestamp", "level", "logger", "message"} <= event.keys()
        requests.setdefault(event["message"].partition(" ")[0], []).append(event.get("requestId"))
    assert requests["serving"] == requests["retrieved"] == requests["SHUTDOWN:"] == [None]
    assert requests["updated"] == ["request-1", "request-2"]


def test_elsewhere_they_are_the_agent_s(start, appconfig):
    program = start(AWS_ENDPOINT_URL=appconfig.url, AWS_LAMBDA_LOG_FORMAT="JSON").wait_serving()
    assert all(line.startswith("[appconfig agent] ") for line in program.log.splitlines())


FORGED = "forged\r\x1b[31m\n[appconfig agent] 2026/11/23 20:15:02 FATAL forged"


@pytest.mark.parametrize("form", ["Text", "JSON"])
def test_nothing_that_comes_from_outside_makes_a_line(start, lambda_api, appconfig, form):
    """What the service says, what a caller asks for and what a variable holds."""
    appconfig.fail_always(START, Status(400, "BadRequestException", {"Message": FORGED}))
    program = start(
        AWS_LAMBDA_RUNTIME_API=lambda_api.address,
        AWS_LAMBDA_LOG_FORMAT=form,
        AWS_ENDPOINT_URL=appconfig.url,
        PREFETCH_LIST=f"a:b:c,shop{FORGED}",
        MAX_CONNECTIONS=FORGED,
        LOG_LEVEL="trace",
    )
    lambda_api.wait_next(1)
    name = "".join(f"%{byte:02X}" for byte in FORGED.encode())
    program.get(f"/applications/{name}/environments/b/configurations/c")
    program.get(f"/applications/a/environments/b/configurations/c?flag={name}")
    lambda_api.invoke(FORGED)
    lambda_api.wait_next(2)
    lambda_api.shutdown()
    assert program.wait() == 0
    assert "forged" in program.log
    begin = r"\{" if form == "JSON" else r"\[appconfig agent\] "
    for line in program.log.split("\n")[:-1]:
        assert re.match(begin, line), line
        assert "\x1b" not in line
        assert "\r" not in line
        assert not re.match(r"\[appconfig agent\] 2026/11/23 20:15:02 FATAL", line)


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


@pytest.mark.parametrize("line_of", [text_line, json_line])
@pytest.mark.parametrize("message", ["x", "x\n", "é", '"', "\udcff", "\U0001f600"])
def test_a_line_has_a_bound_and_a_message_over_it_an_ellipsis(line_of, message):
    lines = []
    log = Log("info", lines.append, lambda: 1_700_000_000.0, line_of)
    log.request_id = "\x1b" * 10_000
    log.info(message * 1_000_000)
    log.info("x" * 2500)
    cut, whole = (line.decode() for line in lines)
    assert len(cut.splitlines()) == 1
    assert 2500 < len(lines[0]) <= LONGEST_LINE_BYTES
    assert len(lines[0]) < select.PIPE_BUF
    assert "…" in cut
    assert "…" not in whole
    if line_of is json_line:
        said = json.loads(cut)["message"].removesuffix("…")
        assert (message * 5000).encode("utf-8", "backslashreplace").decode().startswith(said)


@pytest.mark.parametrize("form", ["text_line", "json_line"])
def test_a_line_is_never_glued_to_the_one_before(form):
    """To a pipe whose reader makes room now and then."""
    script = (
        "import os, sys\nfrom fastext.logs import *\nlog = Log('info', line_of=%s)\n"
        "for number in range(100): log.info('x' * 5000 * (number > 0) + 'end')\n"
        "os.write(1, b'full')\nos.read(0, 1)\n"
        "for number in range(9): log.info('last')\n" % form
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout.read(4) == b"full"
        read = os.read(process.stderr.fileno(), 10_000)
        process.stdin.write(b"x")
        process.stdin.flush()
        read += process.stderr.read()
        assert b"last" in read
        for line in read.decode().splitlines(keepends=True):
            assert re.fullmatch(r"\[appconfig agent\] [^\[{]*(end|last|…)\n|"
                                r"\{[^\[{]*(end|last|…)\"\}\n", line)  # fmt: skip
    finally:
        process.kill()
        process.communicate()


def test_what_follows_a_line_that_was_cut_off_begins_a_line():
    ours, theirs = socket.socketpair()  # takes a part of a line, where it has room for no more
    with ours, theirs:
        ours.setblocking(False)
        write = Writer(ours.fileno())
        while select.select([], [ours], [], 0)[1]:
            try:
                ours.send(b"x" * 4096)
            except BlockingIOError:
                break
        received = b""
        lines = [b"%d:%s\n" % (number, b"y" * 400_000) for number in range(2)]
        for line in (*lines, b"last\n"):
            while not select.select([], [ours], [], 0)[1]:
                received += theirs.recv(65536)
            write(line)
        ours.close()
        while chunk := theirs.recv(65536):
            received += chunk
        first, second, last = received.lstrip(b"x").split(b"\n")[:-1]
        assert lines[0].startswith(first)
        assert lines[1].startswith(second)
        assert len(first) < len(lines[0]) - 1
        assert last == b"last"


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


@pytest.mark.parametrize("path", ["pipe", "/dev/full"])
def test_what_is_no_file_does_not_hold_up_the_start(start, appconfig, lambda_api, tmp_path, path):
    os.mkfifo(tmp_path / "pipe")
    program = start(AWS_LAMBDA_RUNTIME_API=lambda_api.address, AWS_ENDPOINT_URL=appconfig.url,
                    LOG_PATH=str(tmp_path / path))  # fmt: skip
    lambda_api.wait_next(1)
    assert program.get().content == FLAGS
    if path == "pipe":
        program.wait_for_log("WARN LOG_PATH: .*No such device.*; the log goes to standard error")


def test_a_file_that_cannot_be_written_leaves_standard_error(start, appconfig, tmp_path):
    program = start(AWS_ENDPOINT_URL=appconfig.url, LOG_PATH=str(tmp_path)).wait_serving()
    program.wait_for_log("WARN LOG_PATH: .*Is a directory.*; the log goes to standard error")
