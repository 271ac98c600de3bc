# cython: language_level=3, auto_pickle=False, embedsignature=False
"""The fast lane: simple requests answered from bytes that are ready, with few steps between.

    the same bytes as before  -> the reply, from one look-up              (wire cache)
    a simple GET never seen   -> httptools checks it, the target is known (target cache)
    anything else             -> not for the lane: the protocol does it

Connections are accepted, read, answered and closed here without a transport; uvloop spends ten
times as many instructions on a transport as the answer costs. Whatever cannot be finished at once
is adopted by an ordinary transport. The lane decides nothing of its own: what it answers, the
protocol would answer with the same bytes, and a test holds it to that. Its manual page is
`_lane.pyi`.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINTR, EMFILE, ENFILE, errno
from libc.stdint cimport uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <errno.h>
    #ifdef __linux__
    #include <sys/epoll.h>
    #endif
    #include <sys/socket.h>
    #include <sys/uio.h>
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

    /* Of an epoll descriptor: a new one, what it watches, and what of that is readable now. */
    #ifdef __linux__
    static int lane_epoll(void) {
        return epoll_create1(EPOLL_CLOEXEC);
    }

    static int lane_watch(int poll, int fd) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        return epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
    }

    static void lane_unwatch(int poll, int fd) {
        epoll_ctl(poll, EPOLL_CTL_DEL, fd, NULL);
    }

    static int lane_readable(int poll, int* fds, int room) {
        struct epoll_event events[64];
        int count = epoll_wait(poll, events, room < 64 ? room : 64, 0), i;
        for (i = 0; i < count; i++)
            fds[i] = events[i].data.fd;
        return count;
    }
    #else
    static int lane_epoll(void) { errno = ENOSYS; return -1; }
    static int lane_watch(int poll, int fd) { errno = ENOSYS; return -1; }
    static void lane_unwatch(int poll, int fd) { }
    static int lane_readable(int poll, int* fds, int room) { return 0; }
    #endif

    #ifndef CLOCK_REALTIME_COARSE
    #define CLOCK_REALTIME_COARSE CLOCK_REALTIME
    #endif
    #ifndef MSG_NOSIGNAL
    #define MSG_NOSIGNAL 0
    #endif
    #ifndef MSG_MORE
    #define MSG_MORE 0
    #endif

    /* Both with one call; how much was taken, or -1. */
    static ssize_t lane_send(int fd, const char* head, size_t head_size,
                             const char* body, size_t body_size, int flags) {
        struct iovec parts[2] = {{(void*)head, head_size}, {(void*)body, body_size}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        if (!body_size)
            return send(fd, head, head_size, flags);
        return sendmsg(fd, &message, flags);
    }

    static long lane_second(void) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME_COARSE, &now);
        return (long)now.tv_sec;
    }
    """
    int lane_accept(int listening) nogil
    int lane_epoll() nogil
    int lane_watch(int poll, int fd) nogil
    void lane_unwatch(int poll, int fd) nogil
    int lane_readable(int poll, int* fds, int room) nogil
    long lane_second() nogil
    ssize_t lane_send(
        int fd, const char* head, size_t head_size, const char* body, size_t body_size, int flags
    ) nogil
    int MSG_MORE
    int MSG_NOSIGNAL
    ssize_t c_recv "recv" (int fd, void* buffer, size_t size, int flags) nogil
    ssize_t c_send "send" (int fd, const void* data, size_t size, int flags) nogil
    int c_shutdown "shutdown" (int fd, int how) nogil
    int c_close "close" (int fd) nogil
    int SHUT_WR

ctypedef const unsigned char* Cursor

# What a request may measure to be answered here; clients with more to say are rare, and each
# entry of the wire cache keeps its request.
cdef Py_ssize_t MAX_REQUEST_BYTES = 2048

# Bounds of both caches. A function reads a handful of targets with a handful of header blocks.
cdef Py_ssize_t MAX_TARGETS = 1024
cdef Py_ssize_t MAX_BYTES = 4 * 1024 * 1024

# A request is kept when it comes a second time; this many marks of first times are remembered, so
# that traffic in which every request differs (trace headers) passes the cache by.
cdef enum:
    SETS = 512              # of the wire cache, a power of two
    WAYS = 2                # how many requests of the same set it keeps
    REMEMBERED = 1024
    RECEIVE_BYTES = 16384
    AT_ONCE = 64


# ---------------------------------------------------------------- replies that are ready

include "_stored.pxi"
include "_reply.pxi"


cdef class Ready:
    """A reply as it is sent: whole, or but for a body that is too large to be copied."""

    cdef Reply reply
    cdef bytes connection       # the Connection field's line, or nothing
    cdef readonly bint close
    cdef bint varies            # with what the caller says of itself, or may
    cdef long second            # for which `wire` holds the right Date
    cdef bytes wire
    cdef bytes body             # what follows `wire`, or None

    def __cinit__(self, Reply reply not None, bint close):
        self.reply = reply
        self.connection = b"Connection: close\r\n" if close else b""
        self.close = close
        self.varies = reply.varies
        self.second = -1
        self.wire = b""
        self.body = None

    cdef Py_ssize_t bytes_kept(self) noexcept:
        """What it costs to keep this: the body, and its copy in `wire` where it is small."""
        cdef Py_ssize_t body = PyBytes_GET_SIZE(self.reply.body)
        return self.reply.own_bytes + (body if body <= JOINED else 0)

    cdef int renew(self, long second, Lane lane) except -1:
        """Make `wire` right for `second`."""
        cdef bytes body = self.reply.body
        if lane.second != second:
            lane.second = second
            lane.today = lane.date()
            lane.aged = None
        if lane.aged is None or lane.aged.freshness is not self.reply.freshness:
            lane.age = self.reply.age()
            lane.aged = self.reply
        self.wire = self.reply.joined(lane.age, lane.today, self.connection, body)
        self.body = body if PyBytes_GET_SIZE(body) > JOINED else None
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
            if is_word(cursor, name_end - cursor, b"if-match", 8):
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

cdef class Entry:
    """A request of the wire cache."""

    cdef uint64_t mark
    cdef bytes data
    cdef Ready ready
    cdef Py_ssize_t cost


cdef inline uint64_t mark_of(const char* data, Py_ssize_t size) noexcept:
    """By what a request is found, before its bytes are compared.

    A dictionary's hash takes five times as long. Who makes requests of the same mark has one
    thrown out of the cache for another, and nothing else.
    """
    cdef uint64_t mark = <uint64_t>size
    cdef uint64_t word
    while size >= 8:
        memcpy(&word, data, 8)
        mark = (mark ^ word) * <uint64_t>0x9E3779B97F4A7C15
        mark ^= mark >> 32
        data += 8
        size -= 8
    word = 0
    memcpy(&word, data, size)
    mark = (mark ^ word) * <uint64_t>0x9E3779B97F4A7C15
    return mark ^ (mark >> 32)


cdef class Lane:
    cdef object lookup          # target, fields -> Reply, or None where something must be fetched
    cdef object accepts         # bytes -> whether httptools takes them for one whole request
    cdef object date            # () -> the Date of now
    cdef long second            # for which there are:
    cdef bytes today            # its Date
    cdef bytes age              # the age of what is served,
    cdef Reply aged             # by this reply
    cdef object broken          # what nobody foresaw ->
    cdef object allowed         # Host -> whether it is served, or None where any is
    cdef list wire              # SETS * WAYS of Entry or None, by the request's mark
    cdef dict targets           # target -> Ready; for replies that close, b"!" + target
    cdef Py_ssize_t entries
    cdef Py_ssize_t bytes_kept
    cdef uint64_t seen[REMEMBERED]

    def __init__(self, lookup, accepts, date, broken, allowed=None):
        self.lookup = lookup
        self.accepts = accepts
        self.date = date
        self.second = -1
        self.broken = broken
        self.allowed = allowed
        self.clear()

    def clear(self):
        self.forget()
        memset(self.seen, 0, sizeof(self.seen))

    cdef int forget(self) except -1:
        self.aged = None
        self.wire = [None] * (SETS * WAYS)
        self.targets = {}
        self.entries = self.bytes_kept = 0
        return 0

    def __len__(self):
        return self.entries

    def answer(self, bytes data not None):
        cdef Ready ready = self.find(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), data)
        if ready is None:
            return None
        return (ready.wire if ready.body is None else ready.wire + ready.body), ready.close

    @cython.boundscheck(False)
    @cython.wraparound(False)
    cdef Ready find(self, const char* raw, Py_ssize_t size, bytes data):
        """The reply to `raw`, with today's Date, or None where the protocol must answer.

        `data` are the same bytes where they are an object already, or None.
        """
        cdef uint64_t mark = mark_of(raw, size)
        cdef Py_ssize_t place = (mark % SETS) * WAYS
        cdef long second = lane_second()
        cdef Entry entry
        cdef Py_ssize_t way
        for way in range(WAYS):
            entry = <Entry>self.wire[place + way]
            if (
                entry is not None and entry.mark == mark and PyBytes_GET_SIZE(entry.data) == size
                and memcmp(PyBytes_AS_STRING(entry.data), raw, size) == 0
            ):
                if entry.ready.second == second:
                    return entry.ready
                return self.made(entry.data, entry.ready, mark, second)
        if data is None:
            data = PyBytes_FromStringAndSize(raw, size)
        return self.made(data, None, mark, second)

    cdef Ready last(self, Ready ready):
        """The same reply, as the last of its connection."""
        cdef Ready last = Ready(ready.reply, True)
        last.renew(lane_second(), self)
        return last

    cdef Ready made(self, bytes data, Ready ready, uint64_t mark, long second):
        """As `find`, for what is not ready yet or has yesterday's Date."""
        try:
            if ready is None:
                ready = self.never_seen(data, mark)
            if ready is not None and ready.second != second:
                ready.renew(second, self)
            return ready
        except Exception as fault:
            self.broken(fault)
            return None

    cdef Ready never_seen(self, bytes data, uint64_t mark):
        cdef Request request
        cdef bytes target
        cdef Ready ready
        cdef Reply reply
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
            if reply is None:
                return None
            # An error of ours may have passed by the next time.
            if reply.status >= 500 or reply.fleeting:
                return None
            ready = Ready(reply, request.close)
            if request.context and reply.status >= 400:
                ready.varies = True     # the fault may be in what the caller says of itself
            # What is kept under a target is the reply to who says nothing of itself.
            if not (request.context and ready.varies):
                if len(self.targets) >= MAX_TARGETS:
                    self.forget()
                self.count(len(name) + ready.bytes_kept())
                self.targets[name] = ready
        self.remember(data, mark, ready)
        return ready

    cdef int remember(self, bytes data, uint64_t mark, Ready ready) except -1:
        """Keep a request that comes a second time."""
        cdef uint64_t* place = &self.seen[mark % REMEMBERED]
        if place[0] == mark:
            self.keep(data, mark, ready)
        else:
            place[0] = mark
        return 0

    cdef int keep(self, bytes data, uint64_t mark, Ready ready) except -1:
        cdef Py_ssize_t place = (mark % SETS) * WAYS
        cdef Entry entry = Entry.__new__(Entry)
        cdef Entry other
        entry.mark = mark
        entry.data = data
        entry.ready = ready
        entry.cost = len(data) + (ready.bytes_kept() if ready.varies else 0)
        self.count(entry.cost)
        if self.wire[place] is not None:
            place += 1
        other = self.wire[place]
        if other is not None:
            self.bytes_kept -= other.cost
            self.entries -= 1
        self.wire[place] = entry
        self.entries += 1
        return 0

    cdef int count(self, Py_ssize_t size) except -1:
        """Make room for so many bytes more."""
        if self.bytes_kept > MAX_BYTES:
            self.forget()
        self.bytes_kept += size
        return 0


include "_connections.pxi"
