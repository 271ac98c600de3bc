# cython: language_level=3, auto_pickle=False, embedsignature=False
"""Request targets and feature-flag documents, read byte by byte.

This module sees bytes and gives values: no clock, no environment, no log, no cache. Its manual
page, with types, errors and examples, is `_parse.pyi`.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem
from cpython.long cimport PyLong_AsSsize_t
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdlib cimport malloc
from libc.stdint cimport uint64_t
from libc.string cimport memchr, memcpy

from fastext.errors import BadRequest, UnknownFlag, UnknownPath

include "_scan.pxi"

# AppConfig's data API takes identifiers of 1 to 128 characters (StartConfigurationSession).
cdef Py_ssize_t MAX_IDENTIFIER_CHARACTERS = 128

# Slices are kept as 32-bit offsets; AppConfig's own limit for a document is a thousandth of it.
cdef Py_ssize_t MAX_DOCUMENT_BYTES = 0xFFFFFFFF

# Up to this size orjson decodes a document whole, to tell whether it is flags. It holds the
# interpreter's lock for 6 ms per MB, which every other request would wait for, so above it the
# scanner tells, without the lock.
DECODED_BYTES = 256 * 1024

# Names are decoded under the lock, so many at a time before others get a turn.
cdef Py_ssize_t NAMES_AT_ONCE = 256


# ---------------------------------------------------------------- percent-decoding (RFC 3986 §2.1)

cdef inline int hex_digit(unsigned char c) noexcept:
    if c'0' <= c <= c'9':
        return c - c'0'
    if c'a' <= c <= c'f':
        return c - c'a' + 10
    if c'A' <= c <= c'F':
        return c - c'A' + 10
    return -1


cdef inline bint is_control(unsigned char c) noexcept:
    return c < 0x20 or c == 0x7F


cdef str decode_component(Cursor start, Cursor end, bint in_query, str what):
    """One path segment or query component as text; `what` names it in the error."""
    cdef Cursor source = start
    cdef bytes decoded
    while source < end and not (
        source[0] == c'%' or is_control(source[0]) or (in_query and source[0] == c'+')
    ):
        source += 1
    if source == end:  # the common case: nothing to decode, so nothing is copied but the text
        return as_text(start, end, what)
    decoded = unquote(start, end, in_query, what)
    source = <Cursor>PyBytes_AS_STRING(decoded)
    return as_text(source, source + PyBytes_GET_SIZE(decoded), what)


cdef str as_text(Cursor start, Cursor end, str what):
    try:
        return PyUnicode_DecodeUTF8(<const char*>start, end - start, NULL)
    except UnicodeDecodeError:
        raise BadRequest(f"the {what} is not UTF-8 after percent-decoding") from None


cdef bytes unquote(Cursor source, Cursor end, bint in_query, str what):
    cdef bytes decoded = PyBytes_FromStringAndSize(NULL, end - source)
    cdef unsigned char* target = <unsigned char*>PyBytes_AS_STRING(decoded)
    cdef unsigned char* begin = target
    cdef int high, low
    while source < end:
        if source[0] == c'%':
            high = hex_digit(source[1]) if end - source > 2 else -1
            low = hex_digit(source[2]) if high >= 0 else -1
            if low < 0:
                raise BadRequest(
                    f"the {what} has a bad percent escape, "
                    f"'{source[:min(3, end - source)].decode('latin-1')}'"
                )
            target[0] = <unsigned char>(high << 4 | low)
            source += 3
        else:
            # Forms and URL libraries write a space in a query as '+'; in a path it is a plus.
            target[0] = c' ' if in_query and source[0] == c'+' else source[0]
            source += 1
        if is_control(target[0]):
            raise BadRequest(f"the {what} holds a control character")
        target += 1
    return decoded[:target - begin]


# ---------------------------------------------------------------- request-target -> Route

cdef class Route:
    cdef readonly str application
    cdef readonly str environment
    cdef readonly str profile
    cdef readonly tuple flags

    def __init__(self, str application, str environment, str profile, tuple flags=()):
        self.application = application
        self.environment = environment
        self.profile = profile
        self.flags = flags

    @property
    def key(self):
        return self.application, self.environment, self.profile

    def __eq__(self, other):
        return isinstance(other, Route) and (self.key, self.flags) == (other.key, other.flags)

    def __hash__(self):
        return hash((self.key, self.flags))

    def __repr__(self):
        return f"Route{(*self.key, self.flags)!r}"


cdef Cursor take_word(Cursor cursor, Cursor end, const char* word, Py_ssize_t size) noexcept:
    """Past `word`, or NULL where something else stands."""
    if end - cursor >= size and memcmp(cursor, word, size) == 0:
        return cursor + size
    return NULL


cdef Cursor find(Cursor cursor, Cursor end, int byte) noexcept:
    """The first `byte` in [cursor, end), or `end`."""
    cdef void* found = memchr(cursor, byte, end - cursor) if end > cursor else NULL
    return <Cursor>found if found != NULL else end


cdef str identifier(Cursor start, Cursor end, str what):
    cdef str text = decode_component(start, end, False, what)
    if len(text) > MAX_IDENTIFIER_CHARACTERS:
        raise BadRequest(f"the {what} is longer than {MAX_IDENTIFIER_CHARACTERS} characters")
    return text


cdef object unknown_path(Cursor start, Cursor end):
    shown = PyBytes_FromStringAndSize(<const char*>start, min(end - start, 200)).decode("latin-1")
    return UnknownPath(
        f"nothing is served at '{shown}'; configurations are at /applications/{{application}}"
        "/environments/{environment}/configurations/{configuration}"
    )


def parse_target(bytes target not None):
    cdef Cursor start = <Cursor>PyBytes_AS_STRING(target)
    cdef Cursor end = start + PyBytes_GET_SIZE(target)
    cdef Cursor path_end = find(start, end, c'?')
    # The raw path is split before anything is decoded: %2F is part of a name.
    cdef Cursor application = take_word(start, path_end, b"/applications/", 14)
    if application == NULL:
        raise unknown_path(start, path_end)
    cdef Cursor application_end = find(application, path_end, c'/')
    cdef Cursor environment = take_word(application_end, path_end, b"/environments/", 14)
    if environment == NULL:
        raise unknown_path(start, path_end)
    cdef Cursor environment_end = find(environment, path_end, c'/')
    cdef Cursor profile = take_word(environment_end, path_end, b"/configurations/", 16)
    if (
        profile == NULL
        or application == application_end
        or environment == environment_end
        or profile == path_end
        or find(profile, path_end, c'/') != path_end
    ):
        raise unknown_path(start, path_end)
    return Route(
        identifier(application, application_end, "application"),
        identifier(environment, environment_end, "environment"),
        identifier(profile, path_end, "configuration"),
        parse_flags(path_end + 1, end) if path_end < end else (),
    )


cdef bint is_flag(Cursor start, Cursor end) except -1:
    """Whether a query parameter's name is `flag`, however it is written."""
    if end - start == 4 and memcmp(start, b"flag", 4) == 0:
        return True
    return decode_component(start, end, True, "query") == "flag"


cdef tuple parse_flags(Cursor cursor, Cursor end):
    """The distinct values of the query's `flag` parameters, in the order of their first use."""
    cdef Cursor item_end, name_end
    cdef str name
    cdef dict names = {}
    while cursor <= end:
        item_end = find(cursor, end, c'&')
        name_end = find(cursor, item_end, c'=')
        if is_flag(cursor, name_end):
            name = decode_component(min(name_end + 1, item_end), item_end, True, "flag parameter")
            if not name:
                raise BadRequest("a flag parameter is empty; write ?flag=NAME, or leave it out")
            names[name] = None
        cursor = item_end + 1
    return tuple(names)


def parse_configuration(str text not None):
    cdef bytes raw
    if "/" in text:
        raw = text.encode()
        route = parse_target(raw if raw.startswith(b"/") else b"/" + raw)
        if route.flags:
            raise BadRequest("whole configurations are listed, without ?flag=")
        return route.key
    parts = tuple([part.strip() for part in text.split(":")])
    if len(parts) != 3 or not all(parts):
        raise BadRequest(
            "is neither application:environment:configuration nor "
            "/applications/{application}/environments/{environment}/configurations/{configuration}"
        )
    for part in parts:
        if len(part) > MAX_IDENTIFIER_CHARACTERS:
            raise BadRequest(f"has a name of over {MAX_IDENTIFIER_CHARACTERS} characters")
    return parts


# ---------------------------------------------------------------- telling bytes apart

def part_etag(bytes etag not None, bytes part not None):
    # FNV-1a in words of 64 bits, rotated so that high bits count as much as low ones.
    cdef uint64_t digest = 0xCBF29CE484222325
    cdef uint64_t word
    cdef const char *cursor = PyBytes_AS_STRING(part)
    cdef Py_ssize_t left = PyBytes_GET_SIZE(part)
    cdef Py_ssize_t known = PyBytes_GET_SIZE(etag)
    while left:
        word = <uint64_t>left << 56  # so that the end of the part is no other's with zeros
        memcpy(&word, cursor, min(left, <Py_ssize_t>8))
        digest = (digest ^ word) * <uint64_t>0x9E3779B97F4A7C15
        digest = digest << 29 | digest >> 35
        cursor += min(left, <Py_ssize_t>8)
        left -= min(left, <Py_ssize_t>8)
    cdef bytes tag = PyBytes_FromStringAndSize(NULL, known + 19)
    cdef char *out = PyBytes_AS_STRING(tag)
    out[0] = b'"'
    memcpy(out + 1, PyBytes_AS_STRING(etag), known)
    out[known + 1] = b'-'
    cdef int digit
    for digit in range(16):
        out[known + 2 + digit] = b"0123456789abcdef"[digest >> (60 - 4 * digit) & 15]
    out[known + 18] = b'"'
    return tag


# ---------------------------------------------------------------- feature-flag documents

cdef class FlagIndex:
    """Where each flag of a document stands in its bytes."""

    cdef bytes content
    cdef dict numbers       # flag name -> number of its slice, in the order of the document
    cdef Slices slices

    def __cinit__(self, bytes content not None):
        self.content = content
        self.numbers = {}
        self.slices.items = NULL
        self.slices.count = self.slices.room = 0

    def __dealloc__(self):
        free(self.slices.items)

    def __len__(self):
        return len(self.numbers)

    cdef bint scan(self) except -1:
        """Find every flag; whether the document is flags and nothing else."""
        cdef Cursor start = <Cursor>PyBytes_AS_STRING(self.content)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(self.content)
        cdef Slice* member
        cdef Py_ssize_t number
        cdef int found
        with nogil:
            found = find_members(start, size, &self.slices)
        if found < 0:
            raise MemoryError
        if not found:
            return False
        for number in range(self.slices.count):
            member = &self.slices.items[number]
            # A repeated key: the last one counts, as for every JSON reader.
            self.numbers[self.name(member)] = number
            if number % NAMES_AT_ONCE == NAMES_AT_ONCE - 1:
                with nogil:
                    pass
        for number in self.numbers.values():
            if not self.holds_flag(&self.slices.items[number]):
                return False
        return True

    cdef str name(self, Slice* member):
        cdef const char* source = PyBytes_AS_STRING(self.content)
        cdef Py_ssize_t size = member.key_end - member.key
        if member.escaped:
            from fastext.decoding import decode
            return decode(PyBytes_FromStringAndSize(source + member.key, size))
        return PyUnicode_DecodeUTF8(source + member.key + 1, size - 2, NULL)

    cdef bint holds_flag(self, Slice* member) except -1:
        cdef const char* source = PyBytes_AS_STRING(self.content)
        if member.verdict == UNDECIDED:
            from fastext.decoding import decode
            return is_feature_flag(decode(PyBytes_FromStringAndSize(
                source + member.value, member.value_end - member.value
            )))
        return member.verdict == A_FLAG


def is_feature_flag(value):
    return type(value) is dict and (type(value.get("enabled")) is bool or "_variants" in value)


def index_flags(bytes content not None):
    if len(content) > MAX_DOCUMENT_BYTES or not may_be_flags(content):
        return None
    cdef FlagIndex index = FlagIndex(content)
    return index if index.scan() else None


def is_json(bytes content not None):
    cdef Cursor start = <Cursor>PyBytes_AS_STRING(content)
    cdef Cursor end = start + PyBytes_GET_SIZE(content)
    cdef Cursor cursor
    with nogil:
        cursor = past_value(past_space(start, end), end, 1)
        if cursor != NULL:
            cursor = past_space(cursor, end)
    return cursor == end


cdef bint may_be_flags(bytes content) except -1:
    """Whether it decodes to flags, or is too large to be decoded."""
    # Not at the top: orjson and what it imports cost as much as a bare interpreter start, and
    # nothing needs them before the first question for a flag.
    from fastext.decoding import JSONDecodeError, decode
    if len(content) > DECODED_BYTES:
        return True
    try:
        tree = decode(content)
    except JSONDecodeError:
        return False
    return type(tree) is dict and all([is_feature_flag(value) for value in tree.values()])


cdef enum:
    MOST_ON_STACK = 64


def select_flags(FlagIndex index not None, tuple names not None):
    cdef Py_ssize_t count = len(names)
    cdef Py_ssize_t on_stack[MOST_ON_STACK]
    cdef Py_ssize_t* numbers = on_stack
    cdef object subset
    if count > MOST_ON_STACK:
        numbers = <Py_ssize_t*>malloc(count * sizeof(Py_ssize_t))
        if numbers == NULL:
            raise MemoryError
    try:
        find_numbers(index, names, numbers)
        subset = joined(index, numbers, count)
    finally:
        if numbers != on_stack:
            free(numbers)
    return subset


cdef int find_numbers(FlagIndex index, tuple names, Py_ssize_t* numbers) except -1:
    """The numbers of the flags `names`, in the order of the document."""
    cdef Py_ssize_t count = 0
    cdef Py_ssize_t number, place
    cdef PyObject* found
    for name in names:
        found = PyDict_GetItem(index.numbers, name)
        if found == NULL:
            missing = [repr(name) for name in names if name not in index.numbers]
            raise UnknownFlag("no such flag: " + ", ".join(missing))
        number = PyLong_AsSsize_t(<object>found)
        # Mostly few, and mostly in order: each goes down to its place.
        place = count
        while place > 0 and numbers[place - 1] > number:
            numbers[place] = numbers[place - 1]
            place -= 1
        numbers[place] = number
        count += 1
    return 0


cdef bytes joined(FlagIndex index, const Py_ssize_t* numbers, Py_ssize_t count):
    """One flag's value alone, or an object of several, byte for byte."""
    cdef const char* source = PyBytes_AS_STRING(index.content)
    cdef Slice* found = &index.slices.items[numbers[0]]
    if count == 1:
        return PyBytes_FromStringAndSize(source + found.value, found.value_end - found.value)
    cdef Py_ssize_t size = 1
    cdef Py_ssize_t place, length
    for place in range(count):
        found = &index.slices.items[numbers[place]]
        size += found.key_end - found.key + found.value_end - found.value + 2
    cdef bytes subset = PyBytes_FromStringAndSize(NULL, size)
    cdef char* target = PyBytes_AS_STRING(subset)
    for place in range(count):
        found = &index.slices.items[numbers[place]]
        target[0] = c',' if place else c'{'
        length = found.key_end - found.key
        memcpy(target + 1, source + found.key, length)
        target[length + 1] = c':'
        target += length + 2
        length = found.value_end - found.value
        memcpy(target, source + found.value, length)
        target += length
    target[0] = c'}'
    return subset
