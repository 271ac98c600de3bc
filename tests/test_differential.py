"""Conversations, generated and mutated, against h11: what it refuses, we refuse.

What we answer is read by h11 as one reply for each request, in their order. The exceptions:

| h11 refuses | we answer, because |
|---|---|
| an empty line before a request line | RFC 9112 section 2.2: at least one SHOULD be ignored |
| a second request of an HTTP/1.0 client that asked to be kept alive | RFC 9112 section 9.3 |
| a head of over 16 KiB | RFC 9110 section 5.4 leaves the limit to the server; ours is 32 KiB |
| malformed content after `Expect` | RFC 9110 section 10.1.1: it is answered without the content |
"""

import asyncio
from random import Random

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scene import read_replies

from fastext.protocol import MAX_EMPTY_LINES, MAX_HEAD_BYTES
from fuzz.conversations import WORDS, Server, cuts, methods_of
from fuzz.mutate import mutate

METHODS = st.sampled_from([b"GET", b"GET", b"HEAD", b"POST", b"OPTIONS", b"get", b"X-Y.Z", b"G(T"])
TARGETS = st.sampled_from(
    [
        b"/a",
        b"/b?flag=x",
        b"/c%2F",
        b"/later/d",
        b"/big",
        b"http://l/e",
        b"*",
        b"f",
        b"/\xff",
        b"/#g",
    ]
)
VERSIONS = st.sampled_from([b"1.1", b"1.1", b"1.1", b"1.0", b"1.2", b"2.0"])
HOSTS = st.sampled_from([b"Host: l\r\n"] * 6 + [b"Host: [::1]:80\r\n", b"host:\tl \r\n", b""])
FIELDS = st.lists(
    st.sampled_from(
        [b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Connection: x, Close\r\n",
         b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"A: b\r\n", b"A:\r\n", b"A: \xfc \t b\t\r\n",
         b"A : b\r\n", b" b\r\n", b"A: b\0\r\n", b"A: \x0bb\r\n", b"A: b\n", b"Host: m\r\n",
         b"Content-Length: 0\r\n", b"Content-Length: 1, 1\r\n", b"Expect: 100-continue\r\n",
         b"Expect: 200-ok\r\n", b"Transfer-Encoding: identity\r\n", b"Context: a=1\r\n"]
    ),
    max_size=3,
)  # fmt: skip
CONTENTS = st.sampled_from(
    [b"\r\n"] * 8
    + [b"Content-Length: 3\r\n\r\nxyz", b"Content-Length: 03\r\n\r\nxyz",
       b"Content-Length: 3\r\n\r\nxy", b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nxyz",
       b"Transfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n",
       b"Transfer-Encoding: Chunked\r\n\r\n3;a=b\r\nxyz\r\n0\r\nT: r\r\n\r\n",
       b"Transfer-Encoding: chunked\r\n\r\n3 \r\nxyz\r\n0\r\n\r\n",
       b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nxyz\r\n0\r\n\r\n",
       b"Transfer-Encoding: chunked\r\n\r\n3\r\nxyzz\r\n0\r\n\r\n",
       b"Transfer-Encoding: chunked\r\n\r\n3\nxyz\n0\n\n",
       b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nxyz\r\n0\r\n\r\n"]
)  # fmt: skip


@st.composite
def requests(draw):
    line = b"%b %b HTTP/%b\r\n" % (draw(METHODS), draw(TARGETS), draw(VERSIONS))
    return line + draw(HOSTS) + b"".join(draw(FIELDS)) + draw(CONTENTS)


@st.composite
def conversations(draw):
    data = b"".join(draw(st.lists(requests(), min_size=1, max_size=4)))
    random = Random(draw(st.integers(0, 2**32)))
    for _ in range(draw(st.integers(0, 3))):
        data = mutate(data, random, WORDS, [data])
    return data


def without_empty_lines(data: bytes) -> bytes:
    for _ in range(MAX_EMPTY_LINES):
        data = data.removeprefix(b"\r\n")
    return data


def h11_reads(data: bytes) -> list[tuple[str, bytes]]:
    """Method and target of every request that h11 takes, up to one that it refuses."""
    known = []
    while data := without_empty_lines(data):
        # One connection for each, so that HTTP/1.0 may be kept alive.
        server = h11.Connection(h11.SERVER, max_incomplete_event_size=2 * MAX_HEAD_BYTES)
        server.receive_data(data)
        try:
            head = event = server.next_event()
            expects = server.they_are_waiting_for_100_continue
            while isinstance(event, h11.Request | h11.Data) and not expects:
                event = server.next_event()
        except h11.RemoteProtocolError:
            break
        if not (isinstance(event, h11.EndOfMessage) or expects):
            break
        known.append((head.method.decode(), head.target))
        data = server.trailing_data[0]
    return known


@pytest.mark.parametrize("fast", [False, True], ids=["protocol alone", "with the lane"])
@settings(max_examples=1000, deadline=None)
@given(data=conversations(), seed=st.integers(0, 2**32))
@example(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n", 0)
@example(b"\r\n\r\nGET /a HTTP/1.1\r\nHost: l\r\n\r\n", 0)
@example(
    b"GET /a HTTP/1.1\r\nHost: l\r\nExpect: 200-ok\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\n", 0
)
@example(b"GET /a HTTP/1.1\r\nHost: l\r\nA: " + b"a" * 20_000 + b"\r\n\r\n", 0)
def test_what_h11_refuses_is_refused_and_what_is_answered_it_reads(fast, data, seed):
    known = h11_reads(data)
    loop = asyncio.new_event_loop()
    try:
        random = Random(seed)
        sent, ended = Server(loop, fast=fast).converse(cuts(data, random), random)
    finally:
        loop.close()
    # A reply to HEAD has no content, whether the request was refused or not.
    replies = read_replies(sent, methods_of(sent))
    answered = [content.partition(b"\n")[0] for status, _, content in replies if status == 200]
    # HEAD has no content to tell its target by.
    expected = [b"" if method == "HEAD" else target for method, target in known]
    assert answered == expected[: len(answered)]
    assert len(replies) <= len(answered) + 1
    assert ended or len(answered) == len(known), "all that is complete is answered"
    if len(answered) < len(known):
        status, fields, _ = replies[-1]
        assert status >= 400 or fields[b"connection"] == b"close"
