"""Whatever callers do, the process keeps room for itself: descriptors and memory."""

import contextlib
import os
import resource
import socket
from collections import Counter

import pytest
from conftest import FLAGS
from program import COMMAND, FEATURES, Program
from scene import read_replies

from fastext.listener import MAX_REFUSED_AT_ONCE

# What a Lambda sandbox gives (Lambda quotas, "File descriptors"), and what of it stays ours.
DESCRIPTORS, RESERVED = 1024, 64

# docs/behaviour.md states this ceiling.
CEILING_BYTES = 16 * 1024 * 1024

VARIANTS = b"""{"color": {"_variants": [
    {"name": "red", "enabled": true, "rule": "(eq $user \\"7\\")"},
    {"name": "blue", "enabled": true}]}}"""


@pytest.fixture
def many_descriptors():
    """This process may open more than the one that it tests."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * DESCRIPTORS
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"no process here may open {wanted} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def request(target=FEATURES, fields=""):
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode()


def answer(peer):
    """The status of one small reply, or None where the connection is closed without one."""
    with contextlib.suppress(ConnectionResetError):
        replies = read_replies(peer.recv(65536))
        return replies[0][0] if replies else None
    return None


def test_of_lambda_s_descriptors_64_stay_ours_and_who_comes_too_late_is_told(
    many_descriptors, appconfig
):
    appconfig.deploy("shop", "production", "cold", FLAGS)
    shell = f'ulimit -n {DESCRIPTORS} && exec "$0"'
    program = Program(
        variables={"AWS_ENDPOINT_URL": appconfig.url, "LOG_LEVEL": "info"},
        command=("/bin/sh", "-c", shell, COMMAND),
    )
    try:
        program.wait_serving()
        assert program.get().status == 200
        with contextlib.ExitStack() as stack:

            def connected(target=FEATURES):
                address = ("127.0.0.1", program.port)
                peer = stack.enter_context(socket.create_connection(address, 20))
                peer.sendall(request(target))
                return peer

            room = DESCRIPTORS - RESERVED
            held = [connected() for _ in range(room)]
            assert [answer(peer) for peer in held] == [200] * room
            # The reserve is for AWS, not for callers; and it is there.
            late = [connected(f"http://localhost{FEATURES}") for _ in range(100)]
            answers = Counter(map(answer, late))
            assert set(answers) <= {503, None}
            assert answers[503] >= MAX_REFUSED_AT_ONCE
            assert len(os.listdir(f"/proc/{program.process.pid}/fd")) < DESCRIPTORS
            held[0].sendall(request(FEATURES.replace("features", "cold")))
            assert answer(held[0]) == 200
            for peer in held:
                peer.sendall(request())
            assert [answer(peer) for peer in held] == [200] * room
        assert program.get().content == FLAGS
        assert "ERROR" not in program.log
    finally:
        assert program.stop() == 0


def resident_bytes(program):
    with open(f"/proc/{program.process.pid}/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def ask(program, requests, at_once=50):
    """Send all of these, so many in a row, and wait for a reply to each."""
    with socket.create_connection(("127.0.0.1", program.port), 20) as peer:
        for start in range(0, len(requests), at_once):
            batch = requests[start : start + at_once]
            peer.sendall(b"".join(batch))
            replies = 0
            rest = b""
            while replies < len(batch):
                rest += peer.recv(65536)
                replies += rest.count(b"HTTP/1.1 ")
                rest = rest[-8:]


def test_distinct_paths_and_contexts_leave_a_bounded_memory(start, appconfig):
    appconfig.deploy("shop", "production", "variants", VARIANTS, content_type="application/json")
    program = start(AWS_ENDPOINT_URL=appconfig.url, LOG_LEVEL="none")
    variants = FEATURES.replace("features", "variants")
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            if program.get(variants).status == 200:
                break
    before = resident_bytes(program)
    paths = [
        request(f"/applications/a{number}/environments/e/configurations/c")
        for number in range(10_000)
    ]
    ask(program, paths)
    contexts = [
        request(variants, f"Context: user={number}\r\nEntity-Id: e{number}\r\n")
        for number in range(100_000)
    ]
    ask(program, contexts)
    ask(program, contexts[:3000], at_once=1)
    ask(program, contexts[:3000], at_once=1)
    grown = resident_bytes(program) - before
    assert grown < CEILING_BYTES, f"{grown / 2**20:.1f} MB"
    assert program.get(variants, Context="user=7").content == (
        b'{"color":{"_variant":"red","enabled":true}}'
    )


TEXT = b"x" * 40 * 1024**2

# malloc may keep 64 MB of addresses for each thread, in which a text has room whatever the limit:
# not so with one arena for all, nor where the document must be decoded, to many times its size.
TOO_LARGE = {
    "to be received": ({"MALLOC_ARENA_MAX": "1"}, b'{"large":{"enabled":true},"text":"%b"}' % TEXT),
    "to be decoded": ({}, b'{"large":{"_variants":[{"name":"%b","enabled":true}]}}' % TEXT),
}


@pytest.mark.parametrize("client", ["direct", "botocore"])
@pytest.mark.parametrize("too_large", TOO_LARGE)
def test_where_no_memory_is_left_the_last_good_document_is_served_and_events_are_followed(
    start, appconfig, lambda_api, client, too_large
):
    key = ("shop", "production", "features")
    appconfig.next_poll_interval_s = 0
    allocator, document = TOO_LARGE[too_large]
    program = start(
        AWS_LAMBDA_RUNTIME_API=lambda_api.address,
        AWS_ENDPOINT_URL=appconfig.url,
        FASTEXT_DATA_CLIENT=client,
        PREFETCH_LIST=":".join(key),
        POLL_INTERVAL_SECONDS="1us",
        LOG_LEVEL="info",
        **allocator,
    )
    lambda_api.wait_next(1)
    pid = program.process.pid
    resource.prlimit(pid, resource.RLIMIT_AS, (address_space(pid) + 20 * 1024**2,) * 2)
    assert program.get(FEATURES + "?flag=new").content == b'{"enabled":true}'
    appconfig.deploy(*key, document)
    lambda_api.invoke()
    lambda_api.wait_next(2)
    program.wait_for_log("ERROR .* there is not enough memory to retrieve it")
    stale = program.get()
    assert (stale.content, stale.fields["fastext-stale"]) == (FLAGS, "Unavailable")
    with contextlib.ExitStack() as peers:
        for _ in range(300):
            peer = peers.enter_context(socket.create_connection(("127.0.0.1", program.port), 20))
            peer.sendall(request())
            assert answer(peer) == 200
    appconfig.deploy(*key, b'{"small":{"enabled":true}}')
    lambda_api.invoke()
    lambda_api.wait_next(3)
    program.wait_for_log("updated cache data")
    assert program.get(FEATURES + "?flag=small").content == b'{"enabled":true}'
    lambda_api.shutdown()
    assert program.wait() == 0


def address_space(pid):
    """What a process may address now, in bytes (proc(5), statm)."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()
