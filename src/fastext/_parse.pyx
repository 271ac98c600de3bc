# cython: language_level=3, auto_pickle=False, embedsignature=False
"""Request targets and feature-flag documents, read byte by byte.

This module sees bytes and gives values: no clock, no environment, no log, no cache. Its manual
page, with types, errors and examples, is `_parse.pyi`.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint32_t
from libc.string cimport memchr, memcmp, memcpy

from fastext.errors import BadRequest, UnknownFlag, UnknownPath

ctypedef const unsigned char* Cursor

# AppConfig's data API takes identifiers of 1 to 128 characters (StartConfigurationSession).
cdef Py_ssize_t MAX_IDENTIFIER_CHARACTERS = 128

# Slices are kept as 32-bit offsets; AppConfig's own limit for a document is a thousandth of it.
cdef Py_ssize_t MAX_DOCUMENT_BYTES = 0xFFFFFFFF


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


# ---------------------------------------------------------------- feature-flag documents

cdef struct Slice:
    uint32_t key        # offset of the key's opening quote
    uint32_t key_end    # just past its closing quote
    uint32_t value
    uint32_t value_end


cdef inline Cursor skip_space(Cursor cursor, Cursor end) noexcept:
    while cursor < end and (cursor[0] == c' ' or cursor[0] == c'\n'
                            or cursor[0] == c'\r' or cursor[0] == c'\t'):
        cursor += 1
    return cursor


cdef inline Cursor skip_string(Cursor cursor, Cursor end) noexcept:
    """From an opening quote to just past the closing one."""
    cursor += 1
    while cursor < end and cursor[0] != c'"':
        cursor += 2 if cursor[0] == c'\\' else 1
    return cursor + 1 if cursor < end else end


cdef Cursor skip_value(Cursor cursor, Cursor end) noexcept:
    """Past one JSON value of a document that is known to be well formed."""
    cdef Py_ssize_t depth = 0
    cdef unsigned char c
    if cursor < end and cursor[0] == c'"':
        return skip_string(cursor, end)
    while cursor < end:
        c = cursor[0]
        if c == c'"':
            cursor = skip_string(cursor, end)
            continue
        if c == c'{' or c == c'[':
            depth += 1
        elif c == c'}' or c == c']':
            if depth == 0:
                return cursor
            depth -= 1
            if depth == 0:
                return cursor + 1
        elif depth == 0 and (c == c',' or c <= c' '):
            return cursor
        cursor += 1
    return end


cdef class FlagIndex:
    """Where each flag of a document stands in its bytes."""

    cdef bytes content
    cdef dict numbers       # flag name -> number of its slice, in the order of the document
    cdef Slice* slices
    cdef Py_ssize_t room

    def __cinit__(self, bytes content not None):
        self.content = content
        self.numbers = {}
        self.slices = NULL
        self.room = 0

    def __dealloc__(self):
        PyMem_Free(self.slices)

    def __len__(self):
        return len(self.numbers)

    cdef int append(self, Py_ssize_t number, Slice found) except -1:
        cdef void* grown
        if number == self.room:
            self.room = max(16, 2 * self.room)
            grown = PyMem_Realloc(self.slices, self.room * sizeof(Slice))
            if grown == NULL:
                raise MemoryError
            self.slices = <Slice*>grown
        self.slices[number] = found
        return 0

    cdef int scan(self) except -1:
        import orjson
        cdef Cursor start = <Cursor>PyBytes_AS_STRING(self.content)
        cdef Cursor end = start + PyBytes_GET_SIZE(self.content)
        cdef Cursor cursor = skip_space(start, end)
        cdef Cursor key
        cdef Slice found
        cdef Py_ssize_t number = 0
        cdef bytes quoted
        cursor = skip_space(cursor + 1, end)     # past the opening brace
        while cursor < end and cursor[0] == c'"':
            key = cursor
            found.key = <uint32_t>(key - start)
            cursor = skip_string(cursor, end)
            found.key_end = <uint32_t>(cursor - start)
            quoted = PyBytes_FromStringAndSize(<const char*>key, cursor - key)
            cursor = skip_space(cursor, end)
            cursor = skip_space(cursor + 1, end)    # past the colon
            found.value = <uint32_t>(cursor - start)
            cursor = skip_value(cursor, end)
            found.value_end = <uint32_t>(min(cursor, end) - start)
            self.append(number, found)
            # A repeated key: the last one counts, as for every JSON reader.
            name = orjson.loads(quoted) if b"\\" in quoted else quoted[1:-1].decode()
            self.numbers[name] = number
            number += 1
            cursor = skip_space(cursor, end)
            if cursor < end and cursor[0] == c',':
                cursor = skip_space(cursor + 1, end)
        return 0


def is_feature_flags(tree):
    if type(tree) is not dict:
        return False
    for value in tree.values():
        if type(value) is not dict:
            return False
        if type(value.get("enabled")) is not bool and "_variants" not in value:
            return False
    return True


def index_flags(bytes content not None):
    # Not at the top: orjson and what it imports cost as much as a bare interpreter start, and
    # nothing needs them before the first question for a flag.
    import orjson

    if len(content) > MAX_DOCUMENT_BYTES:
        return None
    try:
        tree = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    if not is_feature_flags(tree):
        return None
    cdef FlagIndex index = FlagIndex(content)
    index.scan()
    return index


def select_flags(FlagIndex index not None, tuple names not None):
    cdef list missing = [name for name in names if name not in index.numbers]
    if missing:
        raise UnknownFlag("no such flag: " + ", ".join([repr(name) for name in missing]))
    cdef const char* source = PyBytes_AS_STRING(index.content)
    cdef Slice found
    if len(names) == 1:
        found = index.slices[<Py_ssize_t>index.numbers[names[0]]]
        return PyBytes_FromStringAndSize(source + found.value, found.value_end - found.value)
    cdef list numbers = sorted([index.numbers[name] for name in names])
    cdef Py_ssize_t size = 1
    cdef Py_ssize_t number, length
    for number in numbers:
        found = index.slices[number]
        size += found.key_end - found.key + found.value_end - found.value + 2
    cdef bytes subset = PyBytes_FromStringAndSize(NULL, size)
    cdef char* target = PyBytes_AS_STRING(subset)
    for number in numbers:
        found = index.slices[number]
        target[0] = c',' if target != PyBytes_AS_STRING(subset) else c'{'
        length = found.key_end - found.key
        memcpy(target + 1, source + found.key, length)
        target[length + 1] = c':'
        target += length + 2
        length = found.value_end - found.value
        memcpy(target, source + found.value, length)
        target += length
    target[0] = c'}'
    return subset
