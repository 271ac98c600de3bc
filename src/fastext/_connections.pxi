# The lane's connections, a part of `_lane.pyx`.

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
            ready = self.lane.find(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), data)
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
            self.close_after_reply()
        return 0


# ---------------------------------------------------------------- connections without one

cdef enum Outcome:
    WAITS           # nothing has come
    ANSWERED        # and the next request may come
    ENDED           # the connection is to be closed
    LEFT            # to a transport, with `first` to be answered and `unsent` to be sent


cdef class Acceptor:
    cdef Lane lane
    cdef object adopt           # (fd, first, unsent, last, admitted) -> a transport takes over
    cdef object pause           # () -> the process is out of descriptors
    cdef object admits          # () -> whether a connection may stay open
    cdef object loop
    cdef set open               # of every connection, whoever serves it
    cdef dict parked            # fd -> BareConnection, of those that have had one reply
    cdef int parking            # the epoll descriptor that watches them, or -1
    cdef bytes first
    cdef tuple unsent
    cdef bint last
    cdef char buffer[RECEIVE_BYTES]

    def __init__(self, Lane lane not None, loop, set open not None, adopt, pause, admits):
        self.lane = lane
        self.adopt = adopt
        self.pause = pause
        self.admits = admits
        self.loop = loop
        self.open = open
        self.first = b""
        self.unsent = ()
        self.last = False
        self.parked = {}
        self.parking = lane_epoll()
        if self.parking < 0:
            raise OSError(errno, "epoll_create1")
        loop.add_reader(self.parking, self.parked_readable)

    def __cinit__(self):
        self.parking = -1

    def close(self):
        if self.parking >= 0:
            self.loop.remove_reader(self.parking)
            c_close(self.parking)
            self.parking = -1

    def __len__(self):
        return len(self.parked)

    def reader(self, int listening):
        return ListeningSocket(self, listening).readable

    cdef int accept(self, int listening) except -1:
        cdef int fd, _
        for _ in range(AT_ONCE):
            fd = lane_accept(listening)
            if fd < 0:
                if errno == EMFILE or errno == ENFILE:
                    self.pause()
                elif errno == EINTR:
                    continue
                return 0
            self.begin(fd)
        return 0

    def parked_readable(self):
        """Many a connection ends here; one that goes on is worth to be watched by the loop."""
        cdef int fds[AT_ONCE]
        cdef int count = lane_readable(self.parking, fds, AT_ONCE)
        cdef int place
        cdef BareConnection connection
        for place in range(count):
            connection = self.parked.get(fds[place])
            if connection is not None:
                connection.readable()

    cdef int begin(self, int fd) except -1:
        """Answer the first request, and have whatever is next done by who can do it."""
        cdef int outcome
        try:
            outcome = self.answer(fd, first=True)
        except BaseException:
            c_close(fd)
            raise
        if outcome == ENDED:
            c_close(fd)
        elif outcome == ANSWERED:
            BareConnection(self, fd).park()
        else:
            self.leave(fd, admitted=False)
        return 0

    cdef int leave(self, int fd, bint admitted) except -1:
        """Let a transport have the connection, which may have its place already."""
        first, unsent, last = self.first, self.unsent, self.last
        self.first, self.unsent, self.last = b"", (), False
        self.adopt(fd, first, unsent, last, admitted)
        return 0

    cdef int answer(self, int fd, bint first) except -1:
        """Answer what has come, if it is for the lane; `first` on its connection."""
        cdef ssize_t got = c_recv(fd, self.buffer, RECEIVE_BYTES, 0)
        cdef Ready ready
        cdef Py_ssize_t head_size, body_size = 0
        cdef const char* body = NULL
        cdef ssize_t sent
        if got <= 0:
            return WAITS if got < 0 and (errno == EAGAIN or errno == EINTR) else ENDED
        ready = self.lane.find(self.buffer, got, None)
        if ready is None:
            self.first = PyBytes_FromStringAndSize(self.buffer, got)
            return LEFT
        if first and not ready.close and not self.admits():
            # There is no place for it: it has one reply, and is told so (RFC 9112 section 9.6).
            ready = self.lane.last(ready)
        head_size = PyBytes_GET_SIZE(ready.wire)
        if ready.body is not None:
            body = PyBytes_AS_STRING(ready.body)
            body_size = PyBytes_GET_SIZE(ready.body)
        if body_size and PySet_GET_SIZE(self.open) >= CROWD and ready.reply.store():
            sent = stored_send(
                fd, PyBytes_AS_STRING(ready.wire), head_size, ready.reply.stored.fd, body_size
            )
        else:
            # What is held back for more goes out with the FIN, in one segment. To close without
            # the shutdown would throw it away where the peer has sent what is still unread.
            sent = lane_send(
                fd, PyBytes_AS_STRING(ready.wire), head_size, body, body_size,
                MSG_NOSIGNAL | (MSG_MORE if ready.close else 0),
            )
        if sent == head_size + body_size:
            if not ready.close:
                return ANSWERED
            c_shutdown(fd, SHUT_WR)
            return ENDED
        if sent < 0:
            if errno != EAGAIN:
                return ENDED        # the peer is gone
            sent = 0
        self.unsent = unsent_of(ready, sent)
        self.last = ready.close
        return LEFT


cdef tuple unsent_of(Ready ready, Py_ssize_t sent):
    """What is left of a reply, as buffers."""
    cdef Py_ssize_t head_size = PyBytes_GET_SIZE(ready.wire)
    body = b"" if ready.body is None else ready.body
    if sent < head_size:
        return ready.wire[sent:], body
    return (memoryview(body)[sent - head_size:],)


cdef class ListeningSocket:
    cdef Acceptor acceptor
    cdef int fd

    def __init__(self, Acceptor acceptor, int fd):
        self.acceptor = acceptor
        self.fd = fd

    def readable(self):
        self.acceptor.accept(self.fd)


cdef class BareConnection:
    """A kept connection without a transport; between two requests nothing waits on it.

    It is parked while it has had one reply: clients that connect for every read close then, and
    for the loop to watch a descriptor takes six system calls instead of one.
    """

    cdef Acceptor acceptor
    cdef int fd
    cdef bint watched           # by the loop, and no longer parked

    def __init__(self, Acceptor acceptor, int fd):
        self.acceptor = acceptor
        self.fd = fd
        self.watched = False

    cdef int park(self) except -1:
        cdef Acceptor acceptor = self.acceptor
        try:
            acceptor.open.add(self)
            acceptor.parked[self.fd] = self
            if lane_watch(acceptor.parking, self.fd) < 0:
                raise OSError(errno, "epoll_ctl")
        except BaseException:
            self.close()
            raise
        return 0

    def readable(self):
        cdef Acceptor acceptor = self.acceptor
        cdef int outcome
        cdef int fd = self.fd
        try:
            outcome = acceptor.answer(fd, first=False)
            if outcome == ANSWERED and not self.watched:
                self.unpark()
                acceptor.loop.add_reader(fd, self.readable)
                self.watched = True
        except BaseException:
            self.close()
            raise
        if outcome == ENDED:
            self.close()
        elif outcome == LEFT:
            self.release()
            acceptor.leave(fd, admitted=True)

    cdef int unpark(self) except -1:
        lane_unwatch(self.acceptor.parking, self.fd)
        self.acceptor.parked.pop(self.fd, None)
        return 0

    cdef int release(self) except -1:
        """Be no connection of the lane any more."""
        if self.watched:
            self.acceptor.loop.remove_reader(self.fd)
        else:
            self.unpark()
        self.acceptor.open.discard(self)
        self.fd = -1
        return 0

    def close(self):
        cdef int fd = self.fd
        if fd >= 0:
            self.release()
            c_close(fd)
