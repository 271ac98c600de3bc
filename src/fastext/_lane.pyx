# cython: language_level=3, auto_pickle=False, embedsignature=False
"""The fast lane: simple requests answered from bytes that are ready, with few steps between.

    the same bytes as before  -> the reply, from one look-up              (wire cache)
    a simple GET never seen   -> httptools checks it, the target is known (target cache)
    anything else             -> not for the lane: the protocol does it

A connection per request, as urllib makes them, is accepted, read, answered and closed here without
a transport; uvloop spends ten times as many instructions on a transport as the answer costs.
Whatever cannot be finished at once is adopted by an ordinary transport. The lane decides nothing
of its own: what it answers, the protocol would answer with the same bytes, and a test holds it to
that. Its manual page is `_lane.pyi`.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINTR, EMFILE, ENFILE, errno
from libc.stdint cimport uint64_t
from libc.string cimport memchr, memcmp, memset

from fastext.response import JOIN_BELOW_BYTES

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <errno.h>
    #include <sys/socket.h>
    #include <time.h>
    #include <unistd.h>

    /* Non-blocking, and not inherited by children. */
    static int lane_accept(int listening) {
    #ifdef __linux__
        return accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    #else
        errno = ENOSYS;
        return -1;
    #endif
    }

    #ifndef CLOCK_REALTIME_COARSE
    #define CLOCK_REALTIME_COARSE CLOCK_REALTIME
    #endif
    #ifndef MSG_NOSIGNAL
    #define MSG_NOSIGNAL 0
    #endif

    static long lane_second(void) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME_COARSE, &now);
        return (long)now.tv_sec;
    }
    """
    int lane_accept(int listening) nogil
    long lane_second() nogil
    int MSG_NOSIGNAL
    ssize_t c_recv "recv" (int fd, void* buffer, size_t size, int flags) nogil
    ssize_t c_send "send" (int fd, const void* data, size_t size, int flags) nogil
    int c_close "close" (int fd) nogil

ctypedef const unsigned char* Cursor

# What a request may measure to be answered here; clients with more to say are rare, and each
# entry of the wire cache keeps its request.
cdef Py_ssize_t MAX_REQUEST_BYTES = 2048

# Bounds of both caches. A function reads a handful of targets with a handful of header blocks.
cdef Py_ssize_t MAX_ENTRIES = 1024
cdef Py_ssize_t MAX_BYTES = 4 * 1024 * 1024

# A request is kept when it comes a second time; this many hashes of first times are remembered, so
# that traffic in which every request differs (trace headers) passes the cache by.
cdef enum:
    REMEMBERED = 1024
    RECEIVE_BYTES = 16384
    ACCEPTED_AT_ONCE = 64


# ---------------------------------------------------------------- replies that are ready

cdef class Ready:
    """A reply as it is sent: whole, or but for a body that is too large to be copied."""

    cdef object reply           # response.Reply
    cdef bytes connection       # the Connection field's line, or nothing
    cdef readonly bint close
    cdef bint varies            # with what the caller says of itself, or may
    cdef long second            # for which `wire` holds the right Date
    cdef bytes wire
    cdef bytes body             # what follows `wire`, or None

    def __init__(self, object reply, bint close):
        self.reply = reply
        self.connection = b"Connection: close\r\n" if close else b""
        self.close = close
        self.varies = reply.varies
        self.second = -1
        self.wire = b""
        self.body = None

    cdef Py_ssize_t bytes_kept(self) except -1:
        """What it costs to keep this: the body, and its copy in `wire` where it is small."""
        cdef Py_ssize_t body = len(self.reply.body)
        return self.reply.own_bytes + (body if body <= JOIN_BELOW_BYTES else 0)

    cdef int renew(self, long second, Lane lane) except -1:
        """Make `wire` right for `second`."""
        buffers = self.reply.buffers(lane.date(), self.connection, with_body=True)
        self.wire = buffers[0]
        self.body = buffers[1] if len(buffers) > 1 else None
        self.second = second
        return 0


# ---------------------------------------------------------------- simple requests

cdef inline bint is_host_byte(unsigned char c) noexcept:
    return (
        c'a' <= c <= c'z' or c'A' <= c <= c'Z' or c'0' <= c <= c'9' or c == c'.' or c == c'-'
    )


cdef bint is_plain_host(Cursor cursor, Cursor end) noexcept:
    """A name or IPv4 address with an optional port; other hosts are left to the protocol."""
    cdef Cursor start = cursor
    while cursor < end and is_host_byte(cursor[0]):
        cursor += 1
    if cursor == start:
        return False
    if cursor < end and cursor[0] == c':':
        cursor += 1
        while cursor < end and c'0' <= cursor[0] <= c'9':
            cursor += 1
    return cursor == end


cdef bint is_word(Cursor cursor, Py_ssize_t size, const char* word, Py_ssize_t length) noexcept:
    """Whether `word`, in lower case, stands there in any case."""
    cdef Py_ssize_t place
    if size != length:
        return False
    for place in range(length):
        if (cursor[place] | 0x20) != <unsigned char>word[place]:
            return False
    return True


cdef struct Request:
    Cursor target
    Cursor target_end
    Cursor host
    Cursor host_end
    bint close
    bint context            # whether a field says something of the caller


cdef bint is_simple(bytes data, Request* found) noexcept:
    """Whether `data` is one GET that has nothing to it but a target and a wish to close.

    It is only asked what is not simple here; whether it is HTTP at all, httptools decides.
    """
    cdef Cursor cursor = <Cursor>PyBytes_AS_STRING(data)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    cdef Cursor end = cursor + size
    cdef Cursor line_end, name_end, value, value_end
    cdef int hosts = 0
    cdef unsigned char c
    if size < 18 or size > MAX_REQUEST_BYTES or memcmp(cursor, b"GET /", 5) != 0:
        return False
    if memcmp(end - 4, b"\r\n\r\n", 4) != 0 or memchr(cursor, 0x7F, size) != NULL:
        return False
    cursor += 4
    found.target = cursor
    while cursor[0] > c' ' and cursor[0] != c'#':
        cursor += 1
    found.target_end = cursor
    if end - cursor < 13 or memcmp(cursor, b" HTTP/1.1\r\n", 11) != 0:
        return False
    cursor += 11
    found.close = found.context = False
    while cursor < end - 2:
        line_end = <Cursor>memchr(cursor, c'\r', end - cursor)
        if line_end == cursor:
            return False    # an empty line before the end: another message follows
        name_end = <Cursor>memchr(cursor, c':', line_end - cursor)
        if name_end == NULL:
            return False
        value = name_end + 1
        value_end = line_end
        while value < value_end and (value[0] == c' ' or value[0] == c'\t'):
            value += 1
        while value_end > value and (value_end[-1] == c' ' or value_end[-1] == c'\t'):
            value_end -= 1
        # Fields that mean something here all begin with one of these letters.
        c = cursor[0] | 0x20
        if c == c'h':
            if is_word(cursor, name_end - cursor, b"host", 4):
                hosts += 1
                found.host = value
                found.host_end = value_end
                if not is_plain_host(value, value_end):
                    return False
        elif c == c'c':
            if is_word(cursor, name_end - cursor, b"connection", 10):
                if is_word(value, value_end - value, b"close", 5):
                    found.close = True
                elif not is_word(value, value_end - value, b"keep-alive", 10):
                    return False
            elif is_word(cursor, name_end - cursor, b"context", 7):
                found.context = True
            elif is_word(cursor, name_end - cursor, b"content-length", 14):
                return False
        elif c == c't':
            if is_word(cursor, name_end - cursor, b"transfer-encoding", 17):
                return False
        elif c == c'e':
            if is_word(cursor, name_end - cursor, b"entity-id", 9):
                found.context = True
            elif is_word(cursor, name_end - cursor, b"expect", 6):
                return False
        elif c == c'u':
            if is_word(cursor, name_end - cursor, b"upgrade", 7):
                return False
        elif c == c'i':
            if is_word(cursor, name_end - cursor, b"if-none-match", 13):
                return False
        elif c == c'p':
            # httptools takes it for Connection.
            if is_word(cursor, name_end - cursor, b"proxy-connection", 16):
                return False
        cursor = line_end + 2
    return hosts == 1


cdef list context_fields(bytes data):
    """The fields that say something of the caller, of a request that is simple."""
    fields = []
    for line in data[:-4].split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        name = name.lower()
        if name == b"context" or name == b"entity-id":
            fields.append((name, value.strip(b" \t")))
    return fields


# ---------------------------------------------------------------- the lane

cdef class Lane:
    cdef object lookup          # target, fields -> Reply, or None where something must be fetched
    cdef object accepts         # bytes -> whether httptools takes them for one whole request
    cdef object date            # () -> the Date of now
    cdef object broken          # what nobody foresaw ->
    cdef object allowed         # Host -> whether it is served, or None where any is
    cdef dict wire              # request bytes -> Ready
    cdef dict targets           # target -> Ready; for replies that close, b"!" + target
    cdef Py_ssize_t bytes_kept
    cdef uint64_t seen[REMEMBERED]

    def __init__(self, lookup, accepts, date, broken, allowed=None):
        self.lookup = lookup
        self.accepts = accepts
        self.date = date
        self.broken = broken
        self.allowed = allowed
        self.clear()

    def clear(self):
        self.wire = {}
        self.targets = {}
        self.bytes_kept = 0
        memset(self.seen, 0, sizeof(self.seen))

    def __len__(self):
        return len(self.wire)

    def answer(self, bytes data not None):
        cdef Ready ready = self.find(data)
        if ready is None:
            return None
        return (ready.wire if ready.body is None else ready.wire + ready.body), ready.close

    cdef Ready find(self, bytes data):
        """The reply to `data`, with today's Date, or None where the protocol must answer."""
        cdef object found = self.wire.get(data)
        cdef long second = lane_second()
        if found is not None and (<Ready>found).second == second:
            return <Ready>found
        return self.made(data, <Ready>found, second)

    cdef Ready made(self, bytes data, Ready ready, long second):
        """As `find`, for what is not ready yet or has yesterday's Date."""
        try:
            if ready is None:
                ready = self.never_seen(data)
            if ready is not None and ready.second != second:
                ready.renew(second, self)
            return ready
        except Exception as fault:
            self.broken(fault)
            return None

    cdef Ready never_seen(self, bytes data):
        cdef Request request
        cdef bytes target
        cdef Ready ready
        if not is_simple(data, &request) or not self.accepts(data):
            return None
        if self.allowed is not None and not self.allowed(PyBytes_FromStringAndSize(
            <const char*>request.host, request.host_end - request.host
        )):
            return None
        target = PyBytes_FromStringAndSize(
            <const char*>request.target, request.target_end - request.target
        )
        name = b"!" + target if request.close else target
        ready = self.targets.get(name)
        if ready is None or (request.context and ready.varies):
            reply = self.lookup(target, context_fields(data) if request.context else ())
            # An error of ours may have passed by the next time.
            if reply is None or reply.status >= 500 or reply.fleeting:
                return None
            ready = Ready(reply, request.close)
            if request.context and reply.status >= 400:
                ready.varies = True     # the fault may be in what the caller says of itself
            # What is kept under a target is the reply to who says nothing of itself.
            if not (request.context and ready.varies):
                self.keep(self.targets, name, ready, ready.bytes_kept())
        self.remember(data, ready)
        return ready

    cdef int remember(self, bytes data, Ready ready) except -1:
        """Keep a request that comes a second time."""
        cdef uint64_t known = <uint64_t>hash(data)
        cdef uint64_t* place = &self.seen[known % REMEMBERED]
        if place[0] == known:
            self.keep(self.wire, data, ready, ready.bytes_kept() if ready.varies else 0)
        else:
            place[0] = known
        return 0

    cdef int keep(self, dict cache, bytes name, Ready ready, Py_ssize_t body_bytes) except -1:
        if len(cache) >= MAX_ENTRIES or self.bytes_kept > MAX_BYTES:
            self.wire = {}
            self.targets = {}
            self.bytes_kept = 0
            cache = self.wire if cache is self.wire else self.targets
        cache[name] = ready
        self.bytes_kept += len(name) + body_bytes
        return 0


# ---------------------------------------------------------------- connections with a transport

cdef class LaneConnection:
    cdef Lane lane
    cdef public bint idle
    cdef object transport
    cdef int fd

    def __init__(self, Lane lane):
        self.lane = lane
        self.idle = False
        self.transport = None
        self.fd = -1

    def connected(self, transport):
        self.transport = transport
        self.idle = self.lane is not None

    def data_received(self, bytes data not None):
        cdef Ready ready
        if self.idle:
            ready = self.lane.find(data)
            if ready is not None:
                self.send(ready)
                return
        self.received(data)

    cdef int send(self, Ready ready) except -1:
        cdef Py_ssize_t size, sent
        if ready.body is not None or ready.close or self.transport.get_write_buffer_size():
            self.send_by_transport(ready)
            return 0
        if self.fd < 0:
            self.fd = self.transport.get_extra_info("socket").fileno()
        # Nothing waits in the transport, so the kernel may have it straight away.
        size = PyBytes_GET_SIZE(ready.wire)
        sent = c_send(self.fd, PyBytes_AS_STRING(ready.wire), size, MSG_NOSIGNAL)
        if sent < size:
            # A full socket, or one that is gone, which the transport will notice.
            self.transport.write(ready.wire[max(sent, 0):])
        return 0

    cdef int send_by_transport(self, Ready ready) except -1:
        if ready.body is None:
            self.transport.write(ready.wire)
        else:
            self.transport.writelines((ready.wire, ready.body))
        if ready.close:
            self.idle = False
            self.transport.close()
        return 0


# ---------------------------------------------------------------- connections without one

cdef class Acceptor:
    cdef Lane lane
    cdef object adopt           # (fd, first bytes, answered) -> a connection takes over
    cdef object pause           # () -> the process is out of descriptors
    cdef char buffer[RECEIVE_BYTES]

    def __init__(self, Lane lane not None, adopt, pause):
        self.lane = lane
        self.adopt = adopt
        self.pause = pause

    def readable(self, int listening):
        cdef int fd, _
        for _ in range(ACCEPTED_AT_ONCE):
            fd = lane_accept(listening)
            if fd < 0:
                if errno == EMFILE or errno == ENFILE:
                    self.pause()
                elif errno == EINTR:
                    continue
                return
            self.serve(fd)

    cdef int serve(self, int fd) except -1:
        """Answer the first request and close, or hand the connection over."""
        cdef ssize_t got = c_recv(fd, self.buffer, RECEIVE_BYTES, 0)
        cdef bytes data
        cdef Ready ready
        cdef Py_ssize_t size, sent
        if got <= 0:
            if got < 0 and (errno == EAGAIN or errno == EINTR):
                self.adopt(fd, b"", False)
            else:
                c_close(fd)
            return 0
        data = PyBytes_FromStringAndSize(self.buffer, got)
        ready = self.lane.find(data)
        if ready is None or ready.body is not None:
            self.adopt(fd, data, False)
            return 0
        size = PyBytes_GET_SIZE(ready.wire)
        sent = c_send(fd, PyBytes_AS_STRING(ready.wire), size, MSG_NOSIGNAL)
        if sent == size and ready.close:
            c_close(fd)
        elif sent == size:
            self.adopt(fd, b"", True)
        elif sent <= 0 and errno == EAGAIN:
            self.adopt(fd, data, False)
        else:
            # A new socket's buffer is larger than any reply here, so the peer is gone.
            c_close(fd)
        return 0
