"""The compiled core: targets to routes, flags out of documents; the oracle says what is right."""

import importlib.machinery
import json

import oracle
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastext import _parse
from fastext._parse import Route, index_flags, parse_configuration, parse_target, select_flags
from fastext.errors import BadRequest, FastextError, UnknownFlag, UnknownPath

BASE = b"/applications/a/environments/e/configurations/c"


def outcome(function, *arguments):
    """What a call gives, or the class of the error that it raises."""
    try:
        return function(*arguments)
    except FastextError as fault:
        return type(fault)


def parts(target):
    route = parse_target(target)
    return route.key, route.flags


def test_the_module_is_compiled():
    assert _parse.__file__.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES))


# ---------------------------------------------------------------- targets


@pytest.mark.parametrize(
    ("target", "key", "flags"),
    [
        (BASE, ("a", "e", "c"), ()),
        (BASE + b"?", ("a", "e", "c"), ()),
        (BASE + b"?flag=x", ("a", "e", "c"), ("x",)),
        (BASE + b"?flag=x&flag=y&flag=x", ("a", "e", "c"), ("x", "y")),
        (BASE + b"?other=1&flag=x&", ("a", "e", "c"), ("x",)),
        (BASE + b"?fl%61g=x+y%2Bz", ("a", "e", "c"), ("x y+z",)),
        (BASE + b"?flag=a,b", ("a", "e", "c"), ("a,b",)),
        (BASE + b"?flag=a=b", ("a", "e", "c"), ("a=b",)),
        (BASE + b"?Flag=x", ("a", "e", "c"), ()),
        (
            b"/applications/a%2Fb/environments/e%20f/configurations/%C3%BC%2c%3a",
            ("a/b", "e f", "ü,:"),
            (),
        ),
        (b"/applications/a+b/environments/./configurations/..", ("a+b", ".", ".."), ()),
        (b"/applications/%41/environments/%25/configurations/" + b"x" * 128,
         ("A", "%", "x" * 128), ()),
    ],
)  # fmt: skip
def test_a_target_names_a_configuration_and_its_flags(target, key, flags):
    assert parts(target) == (key, flags)
    assert oracle.parse_target(target) == (key, flags)


@pytest.mark.parametrize(
    "target",
    [b"", b"/", b"*", b"/ping", BASE + b"/", BASE + b"/x", b"/" + BASE, BASE[1:],
     b"/applications//environments/e/configurations/c",
     b"/applications/a/environments/e/configurations/",
     b"/Applications/a/environments/e/configurations/c",
     b"/applications/a/environment/e/configurations/c",
     b"/applications/a/environments/e/configurations", b"?flag=x"],
)  # fmt: skip
def test_any_other_path_is_unknown(target):
    with pytest.raises(UnknownPath, match="nothing is served"):
        parse_target(target)
    assert outcome(oracle.parse_target, target) is UnknownPath


@pytest.mark.parametrize(
    ("target", "cause"),
    [
        (BASE + b"%zz", "bad percent escape, '%zz'"),
        (BASE + b"%4", "bad percent escape, '%4'"),
        (BASE + b"%", "bad percent escape, '%'"),
        (BASE + b"%ff", "not UTF-8"),
        (BASE + b"%00", "control character"),
        (BASE + b"%7F", "control character"),
        (BASE + b"x" * 128, "longer than 128"),
        (BASE + b"?flag", "flag parameter is empty"),
        (BASE + b"?flag=", "flag parameter is empty"),
        (BASE + b"?flag=x&flag=", "flag parameter is empty"),
        (BASE + b"?flag=%", "flag parameter has a bad percent escape"),
        (BASE + b"?%=x", "query has a bad percent escape"),
    ],
)
def test_a_bad_name_or_flag_is_refused_with_the_cause(target, cause):
    with pytest.raises(BadRequest, match=cause):
        parse_target(target)
    assert outcome(oracle.parse_target, target) is BadRequest


SEGMENTS = st.sampled_from(
    [b"a", b"%2F", b"%41", b"%zz", b"%", b"+", b"", b"\xc3\xbc", b"%C3%BC", b"%ff", b"x" * 129]
)
QUERIES = st.lists(
    st.sampled_from([b"flag", b"flag=", b"flag=x", b"flag=y", b"other", b"=", b"fl%61g=z", b"&"])
)


@given(SEGMENTS, SEGMENTS, SEGMENTS, QUERIES)
def test_structured_targets_are_read_like_the_oracle_reads_them(a, e, c, query):
    target = b"/applications/%b/environments/%b/configurations/%b" % (a, e, c)
    target += b"?" + b"&".join(query) if query else b""
    assert outcome(parts, target) == outcome(oracle.parse_target, target)


@given(st.binary() | st.binary().map(lambda tail: BASE + tail))
@example(BASE + b"?flag=%+")
def test_any_bytes_are_read_like_the_oracle_reads_them(target):
    assert outcome(parts, target) == outcome(oracle.parse_target, target)


def test_a_route_is_a_value():
    route = parse_target(BASE + b"?flag=x")
    assert route == Route("a", "e", "c", ("x",))
    assert hash(route) == hash(Route("a", "e", "c", ("x",)))
    assert route != Route("a", "e", "c")
    assert route != ("a", "e", "c")
    assert (route.application, route.environment, route.profile) == route.key
    assert repr(route) == "Route('a', 'e', 'c', ('x',))"
    with pytest.raises(AttributeError):
        route.profile = "d"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("shop:production:features", ("shop", "production", "features")),
        (" shop : production : features ", ("shop", "production", "features")),
        ("/applications/a%2Fb/environments/e/configurations/c", ("a/b", "e", "c")),
        ("applications/a/environments/e/configurations/c", ("a", "e", "c")),
    ],
)
def test_both_notations_of_a_list_item_are_read(text, key):
    assert parse_configuration(text) == key


@pytest.mark.parametrize(
    "text",
    ["", "a", "a:b", "a:b:c:d", "a::c", "a:b:" + "c" * 129, "/applications/a",
     "/applications/a/environments/e/configurations/c?flag=x"],
)  # fmt: skip
def test_any_other_list_item_is_refused(text):
    with pytest.raises((BadRequest, UnknownPath)):
        parse_configuration(text)


# ---------------------------------------------------------------- flags

DOCUMENT = (
    rb' { "a" : {"enabled":true,"n":1e2,"big":12345678901234567890123} ,'
    rb'"b":{"enabled":false,"text":"}\"{,"},"\u00fc":{"enabled":true,"list":[1,[2],{}]},'
    rb'"v":{"_variants":[]} } '
)


@pytest.mark.parametrize(
    ("names", "subset"),
    [
        (("a",), rb'{"enabled":true,"n":1e2,"big":12345678901234567890123}'),
        (("b",), rb'{"enabled":false,"text":"}\"{,"}'),
        (("ü",), b'{"enabled":true,"list":[1,[2],{}]}'),
        (("v", "b"), rb'{"b":{"enabled":false,"text":"}\"{,"},"v":{"_variants":[]}}'),
        (("ü", "v"), rb'{"\u00fc":{"enabled":true,"list":[1,[2],{}]},"v":{"_variants":[]}}'),
    ],
)
def test_flags_come_out_byte_for_byte_in_the_order_of_the_document(names, subset):
    index = index_flags(DOCUMENT)
    assert index is not None
    assert len(index) == 4
    assert select_flags(index, names) == subset


def test_every_unknown_flag_is_named():
    index = index_flags(DOCUMENT)
    assert index is not None
    with pytest.raises(UnknownFlag, match="no such flag: 'x', 'y'"):
        select_flags(index, ("x", "a", "y"))


def test_of_a_repeated_flag_the_last_one_counts():
    index = index_flags(b'{"a":{"enabled":true},"b":{"enabled":true},"a":{"enabled":false}}')
    assert index is not None
    assert select_flags(index, ("a",)) == b'{"enabled":false}'


@pytest.mark.parametrize("content", [b"{}", b" {} "])
def test_an_empty_object_is_flags_that_are_none(content):
    index = index_flags(content)
    assert index is not None
    assert len(index) == 0


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"[]", b'"x"', b'{"a":1}', b'{"a":{}}', b'{"a":{"enabled":"true"}}',
     b'{"a":{"enabled":1}}', b'{"a":{"enabled":true},"b":[]}', b'{"a":{"enabled":true}',
     b'{"a":{"enabled":true}}x', b"\xff", b"{'a':1}", b'\xef\xbb\xbf{}'],
)  # fmt: skip
def test_anything_else_is_not_flags(content):
    assert index_flags(content) is None
    assert not oracle.is_flags(content)


def test_a_document_nested_too_deeply_for_json_is_not_flags():
    assert index_flags(b'{"a":{"enabled":true,"x":' + b"[" * 5000 + b"]" * 5000 + b"}}") is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
FLAG = st.dictionaries(st.text(max_size=4), VALUES).flatmap(
    lambda value: st.booleans().map(lambda enabled: {**value, "enabled": enabled})
)


@given(
    st.dictionaries(st.text(max_size=6), FLAG, max_size=8), st.booleans(),
    st.sampled_from([None, 1]), st.data(),
)  # fmt: skip
def test_any_subset_is_the_one_that_json_finds(tree, ascii_only, indent, data):
    content = json.dumps(tree, ensure_ascii=ascii_only, indent=indent).encode(
        "utf-8", "surrogatepass"
    )
    names = tuple(data.draw(st.lists(st.sampled_from([*tree, "absent"]), min_size=1, unique=True)))
    index = index_flags(content)
    assert index is not None
    assert len(index) == len(tree)
    expected = outcome(oracle.select_flags, content, names)
    found = outcome(select_flags, index, names)
    if expected is UnknownFlag:
        assert found is UnknownFlag
    else:
        assert json.loads(found) == expected
        if len(names) > 1:
            assert list(json.loads(found)) == [name for name in tree if name in names]


# ---------------------------------------------------------------- the scanner against orjson


@pytest.fixture
def scanned(monkeypatch):
    """Every document is taken for one that is too large to be decoded."""
    monkeypatch.setattr(_parse, "DECODED_BYTES", -1)


FRAGMENTS = [
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b" ", b"\n", b"\t", b"\x0b", b"true", b"false",
    b"null", b"0", b"-", b"1", b".", b"e", b"E", b"+", b"-0", b"1.5", b"1e5", b"01", b"1e400",
    b'"enabled"',
    b'"_variants"', b'"a"', b'"\\u00e9"', b'"\\ud83d\\ude00"', b'"\\ud83d"', b'"\\udc00"',
    b'"\\u12"', b'"\\x"', b'"\xc3\xa9"', b'"\xf0\x9f\x98\x80"', b'"\xed\xa0\x80"', b'"\xc0\x80"',
    b'"\xf4\x90\x80\x80"', b'"\x1f"', b'"\x7f"', b'{"enabled":true}', b'"a":{"enabled":false}',
    b'{"\\u0065nabled":true}',
]  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14).map(b"".join))
def test_the_scanner_s_verdict_is_orjson_s(content):
    expected = index_flags(content) is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_parse, "DECODED_BYTES", -1)
        assert (index_flags(content) is not None) == expected


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=8).map(b"".join))
def test_the_scanner_s_verdict_of_a_value_is_orjson_s(value):
    content = b'{"f":{"enabled":true,"x":' + value + b"}}"
    expected = index_flags(content) is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_parse, "DECODED_BYTES", -1)
        assert (index_flags(content) is not None) == expected


@pytest.mark.parametrize(
    ("content", "flags"),
    [(b'{"a":{"enabled":true}}', True), (b'{"a":{"enabled":1}}', False), (b"{}", True),
     (b'{"a":{"enabled":1,"enabled":true}}', True), (b'{"a":{"enabled":true,"enabled":1}}', False),
     (b'{"a":1,"a":{"enabled":true}}', True), (b'{"a":{"\\u0065nabled":true}}', True),
     (b'{"a":{"\\u005fvariants":[]}}', True), (b'{"\\u0061":{"enabled":true},"a":1}', False),
     (b'{"a":{"\\u0065nabled":true,"x":1e308}}', True),
     (b'{"a":{"\\u0065nabled":true,"x":-1e309}}', False),
     (b'{"a":{"enabled":true,"x":1e-400}}', True), (b'{"a":{"enabled":true,"x":1E400}}', False),
     (b'{"a":{"enabled":true,"x":' + b"9" * 308 + b"}}", True),
     (b'{"a":{"enabled":true,"x":' + b"9" * 310 + b"}}", False),
     (b'{"a":{"enabled":true}},', False), (b'{"a":{"enabled":true,}}', False),
     (b'{"a":{"enabled":true},}', False), (b'{"a":{"enabled":tru}}', False), (b'{"a":{', False),
     (b'{"a":{"enabled":true,"x":[1,]}}', False), (b'{"a":{"enabled":true,"x":-}}', False)],
)  # fmt: skip
def test_large_documents_are_told_by_the_scanner(monkeypatch, content, flags):
    for scanned_above in (_parse.DECODED_BYTES, -1):
        monkeypatch.setattr(_parse, "DECODED_BYTES", scanned_above)
        assert (index_flags(content) is not None) == flags


@pytest.mark.parametrize("depth", [100, 1000, 1020, 1030, 100_000])
def test_depth_has_an_end_for_both(depth, monkeypatch):
    content = b'{"a":{"enabled":true,"x":' + b"[" * depth + b"]" * depth + b"}}"
    expected = index_flags(content) is not None
    monkeypatch.setattr(_parse, "DECODED_BYTES", -1)
    assert (index_flags(content) is not None) == expected


def test_the_names_of_a_large_document_are_whole(scanned):
    tree = {f"flag{number}": {"enabled": True, "n": number} for number in range(10_000)}
    index = index_flags(json.dumps(tree).encode())
    assert len(index) == 10_000
    assert json.loads(select_flags(index, ("flag9999",)))["n"] == 9999


@given(st.binary())
def test_any_bytes_are_flags_or_not_like_the_oracle_says(content):
    assert (index_flags(content) is not None) == oracle.is_flags(content)
