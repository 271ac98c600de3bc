# Reads a JSON document without the interpreter's lock: is it valid, and where are its members?
# A part of _parse.pyx, which includes it.
#
# Valid is what RFC 8259 and orjson call so: UTF-8 without a byte order mark, no lone surrogate, no
# control character in a string, no number beyond a double. Every function takes a place and the end
# of the document, and gives the place just past what it has read, or NULL where that is not there.

from libc.float cimport DBL_MAX_10_EXP
from libc.math cimport isinf
from libc.stdint cimport uint32_t
from libc.stdlib cimport free, realloc, strtod
from libc.string cimport memcmp

ctypedef const unsigned char* Cursor

cdef enum:
    MAX_DEPTH = 1024    # orjson's

cdef enum Verdict:
    NO_FLAG, A_FLAG, UNDECIDED

# One member of the document's object, in offsets.
cdef struct Slice:
    uint32_t key                # the key's opening quotation mark
    uint32_t key_end            # just past its closing one
    uint32_t value
    uint32_t value_end
    unsigned char escaped       # whether the key has an escape in it
    unsigned char verdict       # whether the value is a flag

cdef struct Slices:
    Slice* items
    Py_ssize_t count
    Py_ssize_t room


cdef Cursor past_space(Cursor cursor, Cursor end) noexcept nogil:
    while cursor < end and (cursor[0] == c' ' or cursor[0] == c'\n'
                            or cursor[0] == c'\r' or cursor[0] == c'\t'):
        cursor += 1
    return cursor


cdef int code_unit(Cursor cursor, Cursor end) noexcept nogil:
    """The UTF-16 code unit of an escape \\uXXXX that begins here, or -1."""
    cdef int unit = 0
    cdef int place
    cdef unsigned char c
    if end - cursor < 6 or cursor[0] != c'\\' or cursor[1] != c'u':
        return -1
    for place in range(2, 6):
        c = cursor[place]
        unit *= 16
        if c'0' <= c <= c'9':
            unit += c - c'0'
        elif c'a' <= (c | 0x20) <= c'f':
            unit += (c | 0x20) - c'a' + 10
        else:
            return -1
    return unit


cdef Cursor past_escape(Cursor cursor, Cursor end) noexcept nogil:
    cdef int unit
    cdef unsigned char c
    if end - cursor < 2:
        return NULL
    c = cursor[1]
    if c != c'u':
        return cursor + 2 if (
            c == c'"' or c == c'\\' or c == c'/' or c == c'b' or c == c'f' or c == c'n'
            or c == c'r' or c == c't'
        ) else NULL
    unit = code_unit(cursor, end)
    if unit < 0 or 0xDC00 <= unit <= 0xDFFF:
        return NULL
    if unit < 0xD800 or unit > 0xDBFF:
        return cursor + 6
    unit = code_unit(cursor + 6, end)
    return cursor + 12 if 0xDC00 <= unit <= 0xDFFF else NULL


cdef Cursor past_multibyte(Cursor cursor, Cursor end) noexcept nogil:
    """Past one character of two to four bytes (RFC 3629 section 4)."""
    cdef unsigned char first = cursor[0]
    cdef unsigned char lowest = 0x80
    cdef unsigned char highest = 0xBF
    cdef int size, place
    if 0xC2 <= first <= 0xDF:
        size = 2
    elif 0xE0 <= first <= 0xEF:
        size = 3
        lowest = 0xA0 if first == 0xE0 else 0x80        # no longer form than is needed
        highest = 0x9F if first == 0xED else 0xBF       # no surrogate
    elif 0xF0 <= first <= 0xF4:
        size = 4
        lowest = 0x90 if first == 0xF0 else 0x80
        highest = 0x8F if first == 0xF4 else 0xBF       # nothing beyond U+10FFFF
    else:
        return NULL
    if end - cursor < size or cursor[1] < lowest or cursor[1] > highest:
        return NULL
    for place in range(2, size):
        if cursor[place] & 0xC0 != 0x80:
            return NULL
    return cursor + size


cdef Cursor past_string(Cursor cursor, Cursor end, bint* escaped) noexcept nogil:
    cdef unsigned char c
    cursor += 1
    while cursor != NULL and cursor < end:
        c = cursor[0]
        if c == c'"':
            return cursor + 1
        if c == c'\\':
            escaped[0] = True
            cursor = past_escape(cursor, end)
        elif c < 0x20:
            return NULL
        elif c < 0x80:
            cursor += 1
        else:
            cursor = past_multibyte(cursor, end)
    return NULL


cdef Cursor past_digits(Cursor cursor, Cursor end) noexcept nogil:
    cdef Cursor start = cursor
    while cursor < end and c'0' <= cursor[0] <= c'9':
        cursor += 1
    return cursor if cursor > start else NULL


cdef Cursor past_number(Cursor cursor, Cursor end) noexcept nogil:
    cdef Cursor start = cursor
    cdef bint large = False
    if cursor[0] == c'-':
        cursor += 1
    if cursor < end and cursor[0] == c'0':
        cursor += 1
    else:
        cursor = past_digits(cursor, end)
    if cursor != NULL and cursor < end and cursor[0] == c'.':
        cursor = past_digits(cursor + 1, end)
    if cursor != NULL and cursor < end and cursor[0] | 0x20 == c'e':
        cursor += 1
        if cursor < end and (cursor[0] == c'+' or cursor[0] == c'-'):
            cursor += 1
        cursor = past_digits(cursor, end)
        large = True
    # It ends at the latest at the NUL that follows the bytes of a Python object.
    if cursor != NULL and (large or cursor - start > DBL_MAX_10_EXP):
        if isinf(strtod(<const char*>start, NULL)):
            return NULL
    return cursor


cdef Cursor past_word(
    Cursor cursor, Cursor end, const char* word, Py_ssize_t size
) noexcept nogil:
    return cursor + size if end - cursor >= size and memcmp(cursor, word, size) == 0 else NULL


cdef Cursor past_value(Cursor cursor, Cursor end, int depth) noexcept nogil:
    cdef unsigned char c
    cdef bint escaped = False
    cdef int verdict = NO_FLAG
    if cursor >= end or depth > MAX_DEPTH:
        return NULL
    c = cursor[0]
    if c == c'"':
        return past_string(cursor, end, &escaped)
    if c == c'{':
        return past_object(cursor, end, depth, &verdict)
    if c == c'[':
        return past_array(cursor, end, depth)
    if c == c't':
        return past_word(cursor, end, b"true", 4)
    if c == c'f':
        return past_word(cursor, end, b"false", 5)
    if c == c'n':
        return past_word(cursor, end, b"null", 4)
    if c == c'-' or c'0' <= c <= c'9':
        return past_number(cursor, end)
    return NULL


cdef Cursor past_array(Cursor cursor, Cursor end, int depth) noexcept nogil:
    cursor = past_space(cursor + 1, end)
    if cursor < end and cursor[0] == c']':
        return cursor + 1
    while True:
        cursor = past_value(cursor, end, depth + 1)
        if cursor == NULL:
            return NULL
        cursor = past_space(cursor, end)
        if cursor < end and cursor[0] == c']':
            return cursor + 1
        if cursor >= end or cursor[0] != c',':
            return NULL
        cursor = past_space(cursor + 1, end)


cdef Cursor past_key(Cursor cursor, Cursor end, Slice* member) noexcept nogil:
    """Past a key and its colon, to the value; the offsets in `member` are left to the caller."""
    cdef bint escaped = False
    if cursor >= end or cursor[0] != c'"':
        return NULL
    cursor = past_string(cursor, end, &escaped)
    member.escaped = escaped
    return cursor


cdef Cursor past_colon(Cursor cursor, Cursor end) noexcept nogil:
    cursor = past_space(cursor, end)
    return past_space(cursor + 1, end) if cursor < end and cursor[0] == c':' else NULL


cdef Cursor past_object(Cursor cursor, Cursor end, int depth, int* verdict) noexcept nogil:
    """Past an object, with whether it is a flag: it has `_variants`, or a boolean `enabled`."""
    cdef Cursor key
    cdef Slice member
    cdef bint enabled = False
    cdef bint variants = False
    cdef bint escaped = False
    cdef Py_ssize_t size
    cursor = past_space(cursor + 1, end)
    if cursor < end and cursor[0] == c'}':
        verdict[0] = NO_FLAG
        return cursor + 1
    while True:
        key = cursor
        cursor = past_key(cursor, end, &member)
        if cursor == NULL:
            return NULL
        size = cursor - key
        escaped = escaped or member.escaped
        cursor = past_colon(cursor, end)
        if cursor == NULL or cursor >= end:
            return NULL
        if size == 9 and memcmp(key, b'"enabled"', 9) == 0:
            enabled = cursor[0] == c't' or cursor[0] == c'f'    # of several the last one counts
        elif size == 11 and memcmp(key, b'"_variants"', 11) == 0:
            variants = True
        cursor = past_value(cursor, end, depth + 1)
        if cursor == NULL:
            return NULL
        cursor = past_space(cursor, end)
        if cursor < end and cursor[0] == c'}':
            verdict[0] = UNDECIDED if escaped else A_FLAG if enabled or variants else NO_FLAG
            return cursor + 1
        if cursor >= end or cursor[0] != c',':
            return NULL
        cursor = past_space(cursor + 1, end)


cdef Slice* new_slice(Slices* found) noexcept nogil:
    """Room for one more, or NULL."""
    cdef Slice* grown
    if found.count == found.room:
        found.room = 2 * found.room if found.room else 16
        grown = <Slice*>realloc(found.items, found.room * sizeof(Slice))
        if grown == NULL:
            return NULL
        found.items = grown
    found.count += 1
    return &found.items[found.count - 1]


cdef int find_members(Cursor start, Py_ssize_t size, Slices* found) noexcept nogil:
    """1 where the document is a valid object, with its members in `found`; 0; -1 out of memory."""
    cdef Cursor end = start + size
    cdef Cursor cursor = past_space(start, end)
    cdef Cursor key, value
    cdef Slice* member
    cdef int verdict
    if cursor >= end or cursor[0] != c'{':
        return 0
    cursor = past_space(cursor + 1, end)
    if cursor < end and cursor[0] == c'}':
        return past_space(cursor + 1, end) == end
    while True:
        member = new_slice(found)
        if member == NULL:
            return -1
        key = cursor
        cursor = past_key(cursor, end, member)
        if cursor == NULL:
            return 0
        member.key = <uint32_t>(key - start)
        member.key_end = <uint32_t>(cursor - start)
        value = past_colon(cursor, end)
        if value == NULL or value >= end:
            return 0
        verdict = NO_FLAG
        if value[0] == c'{':
            cursor = past_object(value, end, 2, &verdict)
        else:
            cursor = past_value(value, end, 2)
        if cursor == NULL:
            return 0
        member.value = <uint32_t>(value - start)
        member.value_end = <uint32_t>(cursor - start)
        member.verdict = <unsigned char>verdict
        cursor = past_space(cursor, end)
        if cursor < end and cursor[0] == c'}':
            return past_space(cursor + 1, end) == end
        if cursor >= end or cursor[0] != c',':
            return 0
        cursor = past_space(cursor + 1, end)
