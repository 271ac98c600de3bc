# cython: language_level=3, auto_pickle=False, embedsignature=False
"""Memory that only the start has used, and the want of it. The manual page is `_memory.pyi`."""

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <link.h>
    #include <stdlib.h>
    #include <sys/mman.h>
    #include <unistd.h>
    #ifdef __GLIBC__
    #include <malloc.h>
    #endif

    /* A segment that is not writable is what its file holds, and comes back from the page cache. */
    static int unmap_code(struct dl_phdr_info *object, size_t size, void *page_size)
    {
        uintptr_t page = *(uintptr_t *)page_size;
        for (int i = 0; i < object->dlpi_phnum; i++) {
            const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
            if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W))
                continue;
            uintptr_t begin = (object->dlpi_addr + segment->p_vaddr) & -page;
            uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz) & -page;
            if (end > begin)
                madvise((void *)begin, end - begin, MADV_DONTNEED);
        }
        return 0;
    }

    static void settle_memory(void)
    {
        uintptr_t page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
        dl_iterate_phdr(unmap_code, &page_size);
    #ifdef __GLIBC__
        malloc_trim(0);
    #endif
    }

    /* Whether so many addresses are to be had: what is never touched takes nothing else. */
    static int has_room(size_t size)
    {
        void *place = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (place == MAP_FAILED)
            return 0;
        munmap(place, size);
        return 1;
    }
    """
    void settle_memory() noexcept
    bint has_room(size_t size) noexcept


def settle():
    settle_memory()


def check_room(size_t size):
    if not has_room(size):
        raise MemoryError


cdef class Unraisable:
    cdef object _tell

    def __init__(self, tell):
        self._tell = tell

    def __call__(self, lost):
        try:
            self._tell(lost.err_msg or "ignored", lost.exc_value or lost.exc_type())
        except BaseException:
            pass
