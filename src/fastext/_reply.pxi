# A reply, complete but for what changes with the moment. A part of _lane.pyx, which includes it.

from libc.stdio cimport snprintf

# A body up to this size is joined with its head to one write; above it the copy would cost more
# than a second buffer for the kernel (measured: the break-even lies near 16 KB).
JOIN_BELOW_BYTES = 16 * 1024
cdef Py_ssize_t JOINED = JOIN_BELOW_BYTES

# The statuses that we send (RFC 9110 section 15); http.HTTPStatus would be an import of half a
# millisecond for them.
STATUS_LINES = {
    status: b"HTTP/1.1 %d %b\r\n" % (status, reason)
    for status, reason in (
        (200, b"OK"),
        (304, b"Not Modified"),
        (400, b"Bad Request"),
        (401, b"Unauthorized"),
        (403, b"Forbidden"),
        (404, b"Not Found"),
        (405, b"Method Not Allowed"),
        (408, b"Request Timeout"),
        (412, b"Precondition Failed"),
        (413, b"Content Too Large"),
        (414, b"URI Too Long"),
        (421, b"Misdirected Request"),
        (429, b"Too Many Requests"),
        (431, b"Request Header Fields Too Large"),
        (500, b"Internal Server Error"),
        (502, b"Bad Gateway"),
        (503, b"Service Unavailable"),
        (504, b"Gateway Timeout"),
    )
}
cdef dict LINES = STATUS_LINES

cdef enum:
    NOT_MODIFIED_STATUS = 304
    LENGTH_ROOM = 48            # "Content-Length: ", 19 digits and the end of the line


cdef inline char* put(char* out, bytes part) noexcept:
    """Past `part`, copied to `out`."""
    memcpy(out, PyBytes_AS_STRING(part), PyBytes_GET_SIZE(part))
    return out + PyBytes_GET_SIZE(part)


cdef class Reply:
    cdef readonly int status
    cdef readonly bytes head
    cdef readonly bytes body
    cdef readonly bytes etag
    cdef readonly object freshness
    cdef readonly bint fleeting
    cdef readonly bint varies
    cdef readonly Py_ssize_t own_bytes
    cdef StoredContent stored   # the body, or None

    def __init__(
        self, int status, bytes fields not None, bytes body not None, bytes etag not None=b"",
        object freshness=None, *, bint fleeting=False, bint shared=False, bint varies=False,
    ):
        cdef bytes line = LINES[status]
        cdef char length[LENGTH_ROOM]
        cdef Py_ssize_t digits = 0
        cdef char* out
        # A 304 has the length of what it does not send, or none (RFC 9110 section 8.6).
        if status != NOT_MODIFIED_STATUS:
            digits = snprintf(
                length, LENGTH_ROOM, "Content-Length: %zd\r\n", PyBytes_GET_SIZE(body)
            )
        self.status = status
        self.body = body
        self.etag = etag
        self.freshness = freshness
        self.fleeting = fleeting
        self.varies = varies
        self.own_bytes = 0 if shared else PyBytes_GET_SIZE(body)
        self.head = PyBytes_FromStringAndSize(
            NULL, PyBytes_GET_SIZE(line) + PyBytes_GET_SIZE(fields) + digits
        )
        out = put(put(PyBytes_AS_STRING(self.head), line), fields)
        memcpy(out, length, digits)

    def buffers(self, bytes date not None, bytes connection not None, *, bint with_body):
        cdef bytes body = self.body if with_body else b""
        cdef bytes joined = self.joined(self.age(), date, connection, body)
        return (joined,) if PyBytes_GET_SIZE(body) <= JOINED else (joined, body)

    cdef inline bint store(self) except -1:
        """Whether the body is a file of memory as well, made now if need be."""
        if self.stored is None:
            self.stored = stored_content(self.body)
        return self.stored is not None

    cdef bytes age(self):
        """The fields that tell the age of what is served."""
        return self.freshness.fields() if self.freshness is not None else b""

    cdef bytes joined(self, bytes age, bytes date, bytes connection, bytes body):
        """The head, and a body that is not too large, as they are sent."""
        cdef Py_ssize_t size = PyBytes_GET_SIZE(body)
        cdef bytes whole
        cdef char* out
        if size > JOINED:
            size = 0
        whole = PyBytes_FromStringAndSize(NULL, (
            PyBytes_GET_SIZE(self.head) + PyBytes_GET_SIZE(age) + 6 + PyBytes_GET_SIZE(date) + 2
            + PyBytes_GET_SIZE(connection) + 2 + size
        ))
        out = put(put(PyBytes_AS_STRING(whole), self.head), age)
        memcpy(out, b"Date: ", 6)
        out = put(out + 6, date)
        memcpy(out, b"\r\n", 2)
        out = put(out + 2, connection)
        memcpy(out, b"\r\n", 2)
        memcpy(out + 2, PyBytes_AS_STRING(body), size)
        return whole
