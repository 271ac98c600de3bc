# Contents in files of memory, out of which the kernel sends without copying. A part of _lane.pyx.
#
# To send from a buffer the kernel copies it into pages of its own; the pages of a file it sends as
# they are. Where one client reads, the copy is in the processor's cache and costs less than pages
# do; where many do, it is not. The file is a second copy of the content, so that there is none
# while few connections are open, and a bound to all of them.

from cpython.set cimport PySet_GET_SIZE

cdef extern from *:
    """
    #include <fcntl.h>
    #ifdef __linux__
    #include <sys/sendfile.h>
    #include <sys/syscall.h>
    #endif

    #ifndef F_ADD_SEALS
    #define F_ADD_SEALS 1033
    #define F_SEAL_SEAL 1
    #define F_SEAL_SHRINK 2
    #define F_SEAL_GROW 4
    #define F_SEAL_WRITE 8
    #endif

    /* A descriptor of what nobody can change any more, or -1. The C library of Amazon Linux 2 has
       no memfd_create. */
    static int stored_file(const char* content, size_t size) {
    #if defined(__linux__) && defined(SYS_memfd_create)
        int fd = syscall(SYS_memfd_create, "fastext content", 1 | 2); /* CLOEXEC, ALLOW_SEALING */
        size_t done = 0;
        while (fd >= 0 && done < size) {
            ssize_t written = write(fd, content + done, size - done);
            if (written <= 0) {
                close(fd);
                return -1;
            }
            done += written;
        }
        if (fd >= 0)
            fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
        return fd;
    #else
        return -1;
    #endif
    }

    /* As lane_send; where the content cannot be sent, as if it did not fit. */
    static ssize_t stored_send(int fd, const char* head, size_t head_size, int file, size_t size) {
        ssize_t sent = send(fd, head, head_size, MSG_NOSIGNAL | MSG_MORE);
    #ifdef __linux__
        off_t place = 0;
        if (sent == (ssize_t)head_size && sendfile(fd, file, &place, size) > 0)
            sent += place;
    #endif
        return sent;
    }
    """
    int stored_file(const char* content, size_t size) nogil
    ssize_t stored_send(int fd, const char* head, size_t head_size, int file, size_t size) nogil

cdef enum:
    CROWD = 4                       # connections that make it pay
    STORED_ABOVE_BYTES = 32 * 1024  # and sizes
    STORED_UP_TO_BYTES = 512 * 1024
    STORED_FILES = 8                # of the descriptors that are kept free
    STORED_BYTES = 2 * 1024 * 1024  # of all together

cdef bint storable = True           # unless the system has no such files, or none to spare
cdef int stored_files = 0
cdef Py_ssize_t stored_bytes = 0


@cython.internal
cdef class StoredContent:
    """One content; the descriptor lives as long as this does, the pages until they are sent."""

    cdef int fd
    cdef Py_ssize_t size

    def __cinit__(self, bytes content):
        global storable, stored_files, stored_bytes
        self.size = PyBytes_GET_SIZE(content)
        self.fd = stored_file(PyBytes_AS_STRING(content), self.size)
        if self.fd < 0:
            storable = False
            return
        stored_files += 1
        stored_bytes += self.size

    def __dealloc__(self):
        global stored_files, stored_bytes
        if self.size and self.fd >= 0:
            c_close(self.fd)
            stored_files -= 1
            stored_bytes -= self.size


cdef StoredContent stored_content(bytes content):
    """`content` as a file, or None where that would not pay, or there is no room for it."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(content)
    cdef StoredContent stored
    if not storable or size <= STORED_ABOVE_BYTES or size > STORED_UP_TO_BYTES:
        return None
    if stored_files >= STORED_FILES or stored_bytes + size > STORED_BYTES:
        return None
    stored = StoredContent(content)
    return stored if stored.fd >= 0 else None
