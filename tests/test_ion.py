"""The reader of Ion, against Amazon's own and by documents as AWS AppConfig sends them."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import amazon.ion.simpleion as oracle
import pytest
from amazon.ion.core import IonType, TimestampPrecision
from amazon.ion.core import Timestamp as OracleTimestamp
from amazon.ion.simple_types import (
    IonPyBool,
    IonPyBytes,
    IonPyDict,
    IonPyFloat,
    IonPyInt,
    IonPyList,
    IonPyNull,
    IonPySymbol,
    IonPyText,
)
from hypothesis import given
from hypothesis import strategies as st
from ion_encoder import VERSION_MARKER, encode, typed

from dev.service import ROOT
from fastext.errors import IonError
from fastext.ion import (
    Annotated,
    Sexp,
    Symbol,
    Timestamp,
    UnknownSymbol,
    parse_symbols,
    parse_timestamp,
    read_ion,
    read_text_value,
)
from fastext.ion_values import MAX_BYTES, MAX_DEPTH, MAX_VALUES

S = Symbol
VARIANTS = next((ROOT / "examples/local").glob("*:variants.*"))


def annotated(value, *names):
    return Annotated(tuple(map(S, names)), value)


# ---------------------------------------------------------------- against Amazon's reader

symbols = st.text(min_size=1, max_size=8).filter(lambda t: not t.startswith("$")).map(Symbol)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | symbols
)
names = st.lists(symbols, min_size=1, max_size=3).map(tuple)


def containers(values):
    items = st.lists(values | st.builds(Annotated, names, values), max_size=4)
    fields = st.dictionaries(
        st.text(min_size=1, max_size=8).filter(lambda t: not t.startswith("$")), values, max_size=4
    )
    return items | items.map(Sexp) | fields


values = st.recursive(scalars, containers, max_leaves=20)


def to_oracle(value, annotations=()):
    """`value` in the oracle's types, which hold what Python's cannot."""
    match value:
        case Annotated():
            return to_oracle(value.value, tuple(map(str, value.annotations)))
        case None:
            return IonPyNull.from_value(IonType.NULL, None, annotations)
        case bool():
            return IonPyBool.from_value(IonType.BOOL, value, annotations)
        case int():
            return IonPyInt.from_value(IonType.INT, value, annotations)
        case float():
            return IonPyFloat.from_value(IonType.FLOAT, value, annotations)
        case Symbol():
            return IonPySymbol.from_value(IonType.SYMBOL, str(value), annotations)
        case str():
            return IonPyText.from_value(IonType.STRING, value, annotations)
        case bytes():
            return IonPyBytes.from_value(IonType.BLOB, value, annotations)
        case list():
            kind = IonType.SEXP if isinstance(value, Sexp) else IonType.LIST
            return IonPyList.from_value(kind, [to_oracle(item) for item in value], annotations)
        case dict():
            fields = {name: to_oracle(item) for name, item in value.items()}
            return IonPyDict.from_value(IonType.STRUCT, fields, annotations)
    raise TypeError(type(value))


def plain(value):
    """`value` as something that compares by type as well."""
    if isinstance(value, Annotated):
        return ("::", tuple(map(str, value.annotations)), plain(value.value))
    if isinstance(value, list):
        return (type(value).__name__, [plain(item) for item in value])
    if isinstance(value, dict):
        return ("dict", {name: plain(item) for name, item in value.items()})
    if isinstance(value, Timestamp):
        return ("Timestamp", value.epoch_seconds)
    return (type(value).__name__, "nan" if value != value else value)


@pytest.mark.parametrize("binary", [True, False])
@given(stream=st.lists(values | st.builds(Annotated, names, values), max_size=5))
def test_what_amazons_writer_writes_is_read_as_it_was(binary, stream):
    written = oracle.dumps(
        [to_oracle(value) for value in stream], binary=binary, sequence_as_stream=True
    )
    data = written if binary else written.encode()
    read = read_ion(data if stream or binary else b"", {})
    assert [plain(value) for value in read] == [plain(value) for value in stream]


@given(stream=st.lists(values, max_size=5))
def test_the_encoder_of_these_tests_writes_what_amazons_reader_reads(stream):
    written = encode(stream, imports=(), shared={})
    read = oracle.loads(written, single_value=False)
    expected = [plain(value) for value in stream]
    assert [of_oracle(value) for value in read] == expected
    assert [plain(value) for value in read_ion(written, {})] == expected


@pytest.mark.parametrize("binary", [True, False])
@given(digits=st.integers(-(10**15), 10**15), exponent=st.integers(-20, 20), negative=st.booleans())
def test_decimals_are_floats(binary, digits, exponent, negative):
    number = Decimal(-digits if negative else digits).scaleb(exponent)
    written = oracle.dumps(number, binary=binary)
    assert read_ion(written if binary else written.encode(), {}) == [float(number)]


PRECISIONS = list(TimestampPrecision)


@pytest.mark.parametrize("binary", [True, False])
@given(
    moment=st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),
    offset=st.integers(-23 * 60, 23 * 60),
    precision=st.sampled_from(PRECISIONS),
)
def test_timestamps_are_instants(binary, moment, offset, precision):
    parts = [moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second]
    kept = parts[: [1, 2, 3, 5, 6][precision]] + [1, 1, 1, 0, 0, 0][[1, 2, 3, 5, 6][precision] :]
    with_time = precision >= TimestampPrecision.MINUTE
    zone = timezone(timedelta(minutes=offset)) if with_time else None
    second = precision == TimestampPrecision.SECOND
    written = oracle.dumps(
        OracleTimestamp(
            *kept, microsecond=moment.microsecond if second else None, tzinfo=zone,
            precision=precision, fractional_precision=6 if second else None,
        ),
        binary=binary,
    )  # fmt: skip
    instant = datetime(*kept, moment.microsecond if second else 0, zone or UTC)
    [read] = read_ion(written if binary else written.encode(), {})
    assert isinstance(read, Timestamp)
    assert read.epoch_seconds == pytest.approx(instant.timestamp(), abs=1e-4)


def of_oracle(value):
    """What Amazon's reader has read, as `plain` shows ours."""
    names = tuple(symbol.text for symbol in getattr(value, "ion_annotations", ()))
    kind = getattr(value, "ion_type", None)
    if names:
        bare = of_oracle_bare(value, kind)
        return ("::", names, bare)
    return of_oracle_bare(value, kind)


def of_oracle_bare(value, kind):
    if value is None or isinstance(value, IonPyNull):
        return ("NoneType", None)
    if kind is IonType.BOOL:
        return ("bool", bool(value))
    if isinstance(value, Decimal | float):
        return ("float", "nan" if value != value else float(value))
    if isinstance(value, int):
        return ("int", int(value))
    if isinstance(value, OracleTimestamp):
        zone = value.tzinfo or UTC
        return ("Timestamp", value.replace(tzinfo=zone).timestamp())
    if isinstance(value, IonPySymbol) or hasattr(value, "text"):
        return ("Symbol", value.text)
    if isinstance(value, str | bytes):
        return (("str" if isinstance(value, str) else "bytes"), type(value).__mro__[-2](value))
    if kind in (IonType.LIST, IonType.SEXP):
        return ("Sexp" if kind is IonType.SEXP else "list", [of_oracle(item) for item in value])
    return ("dict", {name: of_oracle(item) for name, item in value.items()})


# Pieces of text Ion, good and bad. Words stand alone, and annotations whole: Amazon's reader takes
# stray colons for space, `nan//` for an error, and differs with itself about `a-0` and `null-0`.
TOKENS = ["1", " -0", "0x1F", "1_0", "1.5", "2d3", "1e-2", "00", "_", "a", "$ion", "$4", "$10",
          "'q'", '"s"', '"\\u0041\\n"', "'''l'''", "null", " null.int ", "null.x", "true",
          " nan ", " +inf ", " -inf ", "2024T", "2024-01-01", "2024-01-01T00:00Z", "2024-13T",
          "{{aGk=}}", "{{aGk}}", '{{"c"}}', "{", "}", "[", "]", "(", ")", ",", "a:", "a::",
          "'q' :: ", " ", "\n", "//c\n", "/*c*/", "/*", "\\", " $ion_1_0 ",
         " $ion_1_1 "]  # fmt: skip


@given(st.lists(st.sampled_from(TOKENS), max_size=12).map("".join))
def test_text_that_is_taken_is_what_amazons_reader_makes_of_it(text):
    read = values_or_fault(text.encode(), {})
    if not isinstance(read, str):
        theirs = oracle.loads(text, single_value=False)
        assert [plain(value) for value in read] == [of_oracle(value) for value in theirs]


def values_or_fault(data, symbols):
    """What is read, or where the document is at fault."""
    try:
        return read_ion(data, symbols)
    except IonError as fault:
        return re.search(r" \(at (byte|line) \d+", str(fault))[1]


texts = st.lists(st.sampled_from(TOKENS)).map(lambda tokens: "".join(tokens).encode())


@given(st.binary(max_size=60) | texts)
def test_whatever_comes_ends_as_values_or_as_our_error(data):
    for document in (data, VERSION_MARKER + data):
        assert values_or_fault(document, {14: "gt"}) is not None


@given(st.data())
def test_a_damaged_document_ends_as_values_or_as_our_error(data):
    document = bytearray(encode(FLAGS))
    for _ in range(data.draw(st.integers(1, 3))):
        document[data.draw(st.integers(4, len(document) - 1))] = data.draw(st.integers(0, 255))
    assert values_or_fault(bytes(document), {}) != "line"


# ---------------------------------------------------------------- documents of AWS AppConfig

# A flag with two variants and a default, and one without, as the service sends them.
EXPERIMENT = annotated(
    [
        annotated(
            [Sexp([S("in"), S("$entityId"), ["test-control"]]), '{"enabled":false}'],
            "__c_override__",
        ),
        annotated(
            [
                Sexp([
                    S("and"),
                    Sexp([S("exists"), annotated("entityId", "key")]),
                    Sexp([S("eq"), S("$country"), "US"]),
                    Sexp([
                        S("split"), annotated(0, "pct"), annotated(S("$entityId"), "by"),
                        annotated("acct:app:def:run", "seed"),
                    ]),
                ]),
                '{"enabled":true}',
            ],
            "__t1__",
        ),
        '{"_variant":"__default__","enabled":false}',
    ],
    "checkout",
)  # fmt: skip
FLAGS = [EXPERIMENT, annotated('{"enabled":true}', "plain")]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(encode(FLAGS, (), {}), id="symbols of its own"),
        pytest.param(encode(FLAGS), id="ops and anns"),
    ],
)
def test_flags_are_read_whoever_defines_their_symbols(document):
    assert [plain(value) for value in read_ion(document, {})] == [plain(value) for value in FLAGS]


def test_known_symbols_are_found_wherever_their_table_stands():
    before_ops = 9 + 12 + 5
    moved = {
        "and": before_ops + 1, "eq": before_ops + 4, "in": before_ops + 13,
        "split": before_ops + 14, "exists": before_ops + 15,
        "by": 15, "pct": 16, "seed": 17, "key": 20,
    }  # fmt: skip
    document = encode(FLAGS, [("anns", 12), ("another", 5), ("ops", 30)], moved)
    assert read_ion(document, {}) == FLAGS


def test_a_table_may_be_shorter_than_we_know_it():
    document = encode([[S("and"), S("mine")]], [("ops", 1)], {"and": 10})
    assert read_ion(document, {}) == [["and", "mine"]]
    assert document.endswith(b"\x71\x0b"), "the first local symbol follows the imported one"


def test_a_symbol_of_which_only_the_id_is_known_stays_an_id_until_it_is_told():
    rule = Sexp([UnknownSymbol(14), S("$age"), 65])
    document = encode([annotated([[rule, "{}"], "{}"], "flag")])
    assert read_ion(document, {}) == [annotated([[rule, "{}"], "{}"], "flag")]
    [told] = read_ion(document, {14: "gt"})
    assert plain(told.value[0][0]) == plain(Sexp([S("gt"), S("$age"), 65]))
    [again] = read_ion(encode([Sexp([S("and")])]), {10: "or"})
    assert again == ["or"], "what is told comes before what is known"


def test_unknown_annotations_and_field_names_keep_their_id():
    document = encode([Annotated((UnknownSymbol(33),), 1)])
    assert read_ion(document, {}) == [Annotated((UnknownSymbol(33),), 1)]
    table = "$ion_symbol_table::{imports:[{name:'anns',version:1,max_id:12}]}"
    assert read_ion(f"{table} {{$11:1, $15:2, $9:3}}".encode(), {}) == [
        {"$11": 1, "by": 2, "$ion_shared_symbol_table": 3}
    ]


def test_symbol_tables_are_appended_to_or_replaced():
    text = """
        $ion_symbol_table::{symbols:["a", null, 'b']} [$10, $11, $12]
        $ion_symbol_table::{imports:$ion_symbol_table, symbols:["c"]} [$10, $13]
        $ion_symbol_table::{symbols:["d"]} $10
        $ion_1_0 a
    """
    assert read_ion(text.encode(), {}) == [
        ["a", UnknownSymbol(11), UnknownSymbol(12)], ["a", "c"], "d", "a"
    ]  # fmt: skip
    with pytest.raises(IonError, match=r"symbol \$10 is not in the symbol table .*column 45"):
        read_ion(b'$ion_symbol_table::{symbols:["d"]} $ion_1_0 $10', {})


def test_padding_is_no_value():
    flag = typed(14, b"\x81\x84" + typed(8, b"x"))
    padded = VERSION_MARKER + b"\x00" + b"\x02\xff\xff" + flag + typed(0, b"x" * 20)
    assert read_ion(padded, {}) == [annotated("x", "name")]
    struct = typed(13, b"\x84" + b"\x01x" + b"\x85" + typed(2, b"\x07"))
    document = VERSION_MARKER + typed(11, b"\x00" + struct + b"\x01x")
    assert read_ion(document, {}) == [[{"version": 7}]]


DEFAULTS = {
    "tiered_release": {"_variant": "HideFeature", "enabled": False},
    "colorway": {
        "_variant": "default", "enabled": True, "background": "green", "foreground": "green"
    },
    "simple_feature": {"_variant": "default", "enabled": False},
    "button_color": {"enabled": True, "color": "orange"},
}  # fmt: skip


def test_the_published_sample_is_read():
    flags = {flag.annotations[0]: flag.value for flag in read_ion(VARIANTS.read_bytes(), {})}
    assert list(flags) == list(DEFAULTS)
    for name, flag in flags.items():
        *variants, default = flag if isinstance(flag, list) else [flag]
        assert json.loads(default) == DEFAULTS[name]
        for rule, content in variants:
            assert isinstance(rule, Sexp)
            assert json.loads(content)["enabled"] is True


# ---------------------------------------------------------------- rules


def test_a_rule_is_read():
    rule = read_text_value(
        '(and (eq $group "Tier1") (split by::$userId pct:: 1.5 seed::"x") // comment\n'
        "  (in $n [1, -2, 3e1,]) (gt $since 2024-01) (eq $on true) (exists \"key\"::'na me'))"
    )
    assert plain(rule) == plain(
        Sexp([
            S("and"),
            Sexp([S("eq"), S("$group"), "Tier1"]),
            Sexp([
                S("split"), annotated(S("$userId"), "by"), annotated(1.5, "pct"),
                annotated("x", "seed"),
            ]),
            Sexp([S("in"), S("$n"), [1, -2, 30.0]]),
            Sexp([S("gt"), S("$since"), Timestamp(1704067200.0, "2024-01")]),
            Sexp([S("eq"), S("$on"), True]),
            Sexp([S("exists"), annotated(S("na me"), "key")]),
        ])
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a value is missing (at line 1, column 1)"),
        ("(eq $a", "'(' is never closed (at line 1, column 1)"),
        ("(eq $a\n  [1 2])", "a comma or ] is missing (at line 2, column 6)"),
        ("(a) (b)", "more than one value (at line 1, column 5)"),
        ('(eq $a "b)', '" is never closed (at line 1, column 8)'),
        ("'''x", "''' is never closed (at line 1, column 1)"),
        ("(eq $a , 1)", "unexpected ',' (at line 1, column 8)"),
        ("(> $a 1)", "unexpected '>' (at line 1, column 2)"),
        ("1::2", "'1::2' is not a number (at line 1, column 1)"),
        ("null::2", "only a symbol or a string can annotate (at line 1, column 5)"),
        ("a::", "a value is missing (at line 1, column 4)"),
        ("/* x", "a comment without an end (at line 1, column 1)"),
        ("null.text", "null of no type that there is (at line 1, column 1)"),
        ("012", "'012' is a number with a leading zero (at line 1, column 1)"),
        ("1_", "'1_' is not a number (at line 1, column 1)"),
        ("1e", "'1e' is not a number (at line 1, column 1)"),
        ("+1", "'+1' is not a number (at line 1, column 1)"),
        ("2024-02-30", "'2024-02-30' is no such date (at line 1, column 1)"),
        ("2024-01-01T24:00Z", "'2024-01-01T24:00Z' is no such time of day (at line 1, column 1)"),
        ("2024-01-01T10:00", "'2024-01-01T10:00' is not a timestamp with Z or an offset"),
        ("2024-01-01T10:00:00.Z", "'2024-01-01T10:00:00.Z' is not a timestamp"),
        ("$10", "symbol $10 is not in the symbol table (at line 1, column 1)"),
        ("$99999999999", "too large a symbol ID (at line 1, column 1)"),
        ('"\\q"', "not an escape (at line 1, column 2)"),
        ('"\\u12"', "not an escape (at line 1, column 2)"),
        ('"\\U00110000"', "not an escape (at line 1, column 2)"),
        ('"\\ud800"', "half a surrogate pair (at line 1, column 1)"),
        ('"a\nb"', "a control character or a line end in a string"),
        ("{a}", "a colon is missing behind the name of a field (at line 1, column 3)"),
        ("{1:2}", "not the name of a field (at line 1, column 2)"),
        ("{a:1 b:2}", "a comma or } is missing (at line 1, column 6)"),
        ("{{aGk}}", "not base64 (at line 1, column 3)"),
        ("{{'a'}}", "not a clob (at line 1, column 3)"),
        ('{{"é"}}', "a clob is ASCII"),
        ('{{"a" "b"}}', "a blob or clob without an end, or with something else in it"),
        ("[" * 100, "nested deeper than 64 levels (at line 1, column 66)"),
        ("{ " * 100, "not the name of a field (at line 1, column 3)"),
        ("{a:" * 100, "nested deeper than 64 levels"),
        ("1" * 500, "a number of over 400 characters (at line 1, column 1)"),
    ],
)
def test_what_is_wrong_with_a_text_and_where(text, message):
    with pytest.raises(IonError) as raised:
        read_text_value(text)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x21", "a value runs beyond what holds it (at byte 4)"),
        (b"\xb2\x22\x01\x01", "a value runs beyond what holds it (at byte 5)"),
        (b"\xbe", "a number without an end, or too large (at byte 5)"),
        (b"\xbe" + b"\x7f" * 12, "a number without an end, or too large (at byte 5)"),
        (b"\x12", "not a boolean (at byte 4)"),
        (b"\x31\x00", "a negative zero (at byte 5)"),
        (b"\x42\x00\x00", "not a float (at byte 5)"),
        (b"\xd1\x80", "an ordered struct without fields (at byte 4)"),
        (b"\xf0", "not a value (at byte 4)"),
        (b"\xb2\xe1\x81", "not a value (at byte 5)"),
        (b"\xe0\x02\x00\xea", "not a version marker of Ion 1.0 (at byte 4)"),
        (b"\xe3\x81\x84\x00", "annotations are of exactly one value (at byte 5)"),
        (b"\xe4\x81\x84\x10\x10", "annotations are of exactly one value (at byte 5)"),
        (b"\xe3\x80\x10\x10", "annotations without a value, or a value without annotations"),
        (b"\xe6\x81\x84\xe3\x81\x84\x10", "annotations of annotations (at byte 7)"),
        (b"\x71\x0a", "symbol $10 is not in the symbol table (at byte 5)"),
        (b"\x82\xc3\x28", "not UTF-8 (at byte 5)"),
        (typed(6, b"\x80"), "not a timestamp (at byte 5)"),
        (typed(6, b"\x80\x0f\xe8\x8d\x81"), "no such date (at byte 5)"),
        (typed(6, b"\x80\x0f\xe8\x81\x81\x81"), "not a timestamp (at byte 5)"),
        (typed(6, b"\x0f\xe8\x0f\xe8\x81"), "not a timestamp (at byte 5)"),
        (typed(2, b"\x01" * 200), "a number of over 128 bytes (at byte 7)"),
    ],
)
def test_what_is_wrong_with_a_binary_document_and_where(content, message):
    with pytest.raises(IonError) as raised:
        read_ion(VERSION_MARKER + content, {})
    assert message in str(raised.value)


def test_there_are_limits():
    nested = b"\x0f"
    for _ in range(MAX_DEPTH + 1):
        nested = typed(11, nested)
    with pytest.raises(IonError, match="nested deeper"):
        read_ion(VERSION_MARKER + nested, {})
    for document in (VERSION_MARKER + b"\x0f" * (MAX_VALUES + 1), b"0 " * (MAX_VALUES + 1)):
        with pytest.raises(IonError, match=f"over {MAX_VALUES} values"):
            read_ion(document, {})
    with pytest.raises(IonError, match=f"over {MAX_BYTES} bytes"):
        read_ion(bytes(MAX_BYTES + 1), {})
    for imports in ([("x", 2**40)], [("x", 1)] * 65):
        with pytest.raises(IonError, match="symbol tables are"):
            read_ion(encode([], imports, {}), {})
    with pytest.raises(IonError, match="has no max_id"):
        read_ion(b"$ion_symbol_table::{imports:[{name:'x'}]}", {})
    with pytest.raises(IonError, match=r"not Ion 1\.0"):
        read_ion(b"$ion_1_1", {})
    with pytest.raises(IonError, match=r"neither binary Ion nor UTF-8 \(at byte 1"):
        read_ion(b"a\xff", {})


# ---------------------------------------------------------------- parts


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T00:00Z", 0.0),
        ("2012-03-04T05:06:07-08:00", 1330866367.0),
        ("2012-03-04T05:06:07.25+00:30", 1330835767.25),
        ("2024-01", 1704067200.0),
        ("2024", 1704067200.0),
        ("2024T", 1704067200.0),
        ("2024-02-29T", 1709164800.0),
        ("0001-01-01", -62135596800.0),
        ("9999-12-31", 253402214400.0),
    ],
)
def test_timestamps_of_any_precision(text, instant):
    assert parse_timestamp(text).epoch_seconds == instant
    assert parse_timestamp(text).text == text


@pytest.mark.parametrize(
    "text",
    ["", "T", "24", "2024-1", "2024-001", "2023-02-29", "2024-01T10:00Z", "2024-01-01T10Z", "now",
     "2024-01-01T1:00Z", "2024-01-01T10:00:0Z", "2024-01-01T10:00+1:00", "2024-01-01T10:00Z\n",
     "2024-01-01 10:00Z", "٢٠٢٤", "2024-01-01T10:00:00.1_0Z", "2024-01-01T10:00+24:00",
     "2024-01-01T10:00:00:0Z", "2024-01-01T10.00Z"],
)  # fmt: skip
def test_what_is_no_timestamp(text):
    with pytest.raises(ValueError, match=r"timestamp|no such"):
        parse_timestamp(text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"ops": {}}', "a symbol ID that is none: 'ops'"),
        (b'{"99999999999": "gt"}', "a symbol ID that is none"),
        (b'{"14": 1}', "no text for symbol ID 14"),
        (b'{"14": ""}', "no text for symbol ID 14"),
        (rb'{"14": "\ud800"}', "no text for symbol ID 14"),
    ],
)
def test_the_file_of_symbols(content, message):
    assert parse_symbols(b'{"14": "gt", "33": "in"}') == {14: "gt", 33: "in"}
    with pytest.raises(ValueError, match=message):
        parse_symbols(content)


def test_annotated_values_show_what_they_are():
    assert repr(Annotated((S("by"), UnknownSymbol(33)), S("$x"))) == "by::$33::'$x'"
