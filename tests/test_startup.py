"""The first instructions: what is loaded before registration, and how ports are taken."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from program import COMMAND, Program
from waiting import until

import fastext
from fastext.errors import PortTaken
from fastext.startup import listen

BOOT = Path(fastext.__file__).with_name("boot.py")
OURS = {"fastext", "fastext.lifecycle_errors", "fastext.extensions_api", "fastext.settings"}


def modules_of(script):
    """The modules that a bare interpreter has after `script`, beyond those it starts with."""
    site_packages = str(BOOT.parent.parent)
    program = (
        f"import sys; before = set(sys.modules); sys.path.insert(0, {site_packages!r})\n"
        f"{script}\nprint(sorted(set(sys.modules) - before))"
    )
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
    )
    return set(json.loads(answer.stdout.replace("'", '"')))


def test_before_registration_nothing_but_built_in_modules_and_ours_is_loaded():
    loaded = modules_of("import fastext.boot")
    foreign = loaded - OURS - {"fastext.boot", "fastext.startup"}
    built_in = set(sys.builtin_module_names) | {"_socket"}
    assert foreign <= built_in, "each further import is added to every cold start"


def test_settings_import_nothing():
    assert modules_of("import fastext.settings") == {"fastext", "fastext.settings"}


def test_an_ordinary_function_loads_nothing_of_what_only_few_ask_for():
    """Built as for a function without such variables, in an interpreter that has site-packages."""
    script = """if True:
        import asyncio, sys
        from fastext.startup import Start
        from fastext.head_start import HeadStart
        from fastext.logs import Log
        start = Start({"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a",
                       "AWS_SECRET_ACCESS_KEY": "s", "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1"})
        start.head_start = HeadStart(start.settings, start.environ)
        from fastext.extension import Extension
        loop = asyncio.new_event_loop()
        Extension(start, start.settings, Log("none"), loop)
        loop.close()
        print(*(name for name in sys.modules if name.startswith("fastext.")))
    """
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(answer.stdout.split())
    assert "fastext.poller" in loaded
    few = {"access", "agent", "backup", "manifest", "files", "local", "ion", "rules", "variants",
           "client"}  # fmt: skip
    assert not loaded & {f"fastext.{name}" for name in few}


def test_a_port_is_taken_on_both_loopbacks():
    sockets = listen(free := _free_port(), "localhost", [])
    try:
        assert all(sock.getsockname()[1] == free for sock in sockets)
        assert sockets[0].getsockname()[0] == "127.0.0.1"
        with pytest.raises(PortTaken, match=f"127.0.0.1 port {free}: .*HTTP_PORT"):
            listen(free, "localhost", [])
    finally:
        for sock in sockets:
            sock.close()


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def broken(tmp_path):
    """The command of a package whose `extension` is broken, as by unreadable files of a layer."""
    copy = tmp_path / "fastext"
    copy.mkdir()
    for source in (*BOOT.parent.glob("*.py"), *BOOT.parent.glob("*.so")):
        (copy / source.name).write_bytes(source.read_bytes())
    (copy / "extension.py").write_text("raise OSError('the layer is unreadable')")
    return [sys.executable, "-I", "-S", str(copy / "boot.py")]


def test_where_the_program_cannot_be_loaded_it_stays_and_says_why(broken, appconfig, lambda_api):
    variables = {"AWS_LAMBDA_RUNTIME_API": lambda_api.address, "AWS_ENDPOINT_URL": appconfig.url}
    program = Program([], variables, broken)
    try:
        lambda_api.wait_next(1)
        for _ in range(2):
            reply = program.get()
            assert reply.status == 500
            assert "the layer is unreadable" in json.loads(reply.content)["Message"]
        lambda_api.invoke()
        lambda_api.wait_next(2)
        lambda_api.shutdown()
        assert program.wait() == 0
        assert program.log.count("FATAL") == 1
    finally:
        program.stop()


def test_a_stranger_on_the_other_loopback_is_told_of():
    free = _free_port()
    try:
        stranger = socket.create_server(("::1", free), family=socket.AF_INET6)
    except OSError:
        pytest.skip("SKIPPED: this machine has no IPv6 loopback")
    problems = []
    with stranger:
        (ours,) = listen(free, "localhost", problems)
        ours.close()
    (problem,) = problems
    assert problem.startswith(
        f"cannot listen on ::1 port {free}: Address already in use; stop what"
    )
    assert problem.endswith("; only 127.0.0.1 is served")


# ---------------------------------------------------------------- standard error, and signals


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def running(lambda_api):
    """Starts a command in Lambda, with a standard error of the test's choice."""
    started = []

    def run(command, **options):
        port = _free_port()
        environ = {
            "AWS_LAMBDA_RUNTIME_API": lambda_api.address,
            "AWS_APPCONFIG_EXTENSION_HTTP_PORT": str(port),
            "AWS_REGION": "eu-west-1",
            "PATH": os.environ["PATH"],
        }
        started.append(subprocess.Popen(command, env=environ, **options))
        started[-1].port = port
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()


def test_nobody_need_read_what_is_said_at_last(broken, running, lambda_api):
    reading, writing = os.pipe()
    try:
        room = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writing, b"x" * room)
        process = running(broken, stderr=writing)
        lambda_api.wait_next(1)
        lambda_api.shutdown()
        assert process.wait(20) == 0
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("works", [True, False])
def test_a_closed_standard_error_is_nobody_else_s_descriptor(
    broken, running, lambda_api, closed, works
):
    command = [sys.executable, "-I", "-S", str(BOOT)] if works else broken
    process = running(["sh", "-c", f'exec "$@" {closed}', "sh", *command])
    lambda_api.wait_next(1)
    assert os.readlink(f"/proc/{process.pid}/fd/2") == "/dev/null"
    lambda_api.shutdown()
    assert process.wait(20) == 0


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_start_that_waits_for_lambda(running, lambda_api, signum):
    held = threading.Event()
    lambda_api.answer_register(held)
    process = running([sys.executable, "-I", "-S", str(BOOT)], stderr=subprocess.PIPE)
    until(lambda: listens(process.port))
    process.send_signal(signum)
    assert process.communicate(timeout=20)[1] == b""
    assert process.returncode == 0
    held.set()


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example", "\udcff"])
def test_a_host_that_is_none_is_a_port_that_is_not_there(host):
    with pytest.raises(PortTaken, match=r"cannot listen on .*; see HTTP_HOST"):
        listen(_free_port(), host, [])


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -15)])
def test_an_interrupted_command_is_not_one_that_has_ended_well(signum, status):
    command = [str(COMMAND), "split", "examples/flags/checkout.json", "--flag", "checkout",
               "--key", "userId", "--identities", "-"]  # fmt: skip
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )  # fmt: skip
    process.stdin.write(b"user-1\n" * 100_000)  # more than a pipe holds: it is being read
    process.stdin.flush()
    process.send_signal(signum)
    process.communicate()
    assert process.returncode == status
