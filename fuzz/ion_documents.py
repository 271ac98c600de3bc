"""Any bytes are Ion values within the limits, or one IonError; flags among them give JSON.

Nothing that is read can break what follows: values are shown, compiled and evaluated.
"""

import contextlib

from fastext.document import read_document
from fastext.errors import ContentError, IonError, RuleError
from fastext.ion import (
    Annotated,
    Sexp,
    Symbol,
    Timestamp,
    UnknownSymbol,
    parse_symbols,
    read_ion,
    read_text_value,
)
from fastext.ion_values import MAX_DEPTH
from fastext.rules import compile_rule
from fuzz.flag_documents import check_variants

WORDS = (
    b"\xe0\x01\x00\xea", b"\xee\x8f", b"\x0f", b"\x11", b"\x21\x01", b"\x31\x00", b"\x48", b"\x52",
    b"\x62\x80\x81", b"\x71\x01", b"\x7e", b"\x8e\x95", b"\x9e", b"\xbe\x8a", b"\xce\x8a",
    b"\xde\x8a", b"\xd1\x80", b"\xe7\x81\x83\xd4", b"\xb0", b"\xff", b"\x80", b"\x7f" * 9 + b"\xff",
    b"$ion_1_0 ", b"$ion_symbol_table::{symbols:[\"a\"]}", b"imports:[{name:\"ops\",max_id:23}]",
    b"$10", b"$0", b"$ion_2_0 ", b"'f'::", b"v::", b"[", b"]", b"(", b")", b"{", b"}", b"{{", b"}}",
    b"'''", b'"', b"'", b"''", b",", b"::", b":", b"//\n", b"/*", b"*/", b"\\", b"\\u00e9",
    b"\\ud83d\\ude00", b"\\ud800", b"\\x41", b"\\U0010ffff", b"\\\n", b"null", b"null.struct",
    b"true", b"nan", b"+inf", b"-0", b"0x_1", b"1d400", b"2024T", b"2024-02-30", b"1e5",
    b"2024-01-01T00:00:00.999999999999999999999Z", b"(eq $a 1)", b"(split pct::10 by::$a)",
    b'(matches in::$a pattern::"a*")', b'"{\\"enabled\\":true}"', b"'''{\"enabled\":true}'''",
    b"[" * 70, b"(" * 70, b"a::" * 70,
)  # fmt: skip

SCALARS = (str, int, float, bool, bytes, Symbol, Timestamp, UnknownSymbol, type(None))


def check(data: bytes) -> bool:
    try:
        values = read_ion(data, {10: "eq"})
    except IonError:
        values = []
    good = bool(values)
    for value in values:
        check_value(value, 0)
        check_rule(value)
    try:
        document = read_document(data, "application/ion", "", dict)
    except ContentError:
        pass
    else:
        assert document.variants is not None
        check_variants(document.variants)
        assert all(type(line) is str for line in document.warnings)
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(IonError):
        check_rule(read_text_value(text))
    with contextlib.suppress(ValueError):
        parse_symbols(data)
    return good


def check_value(value: object, depth: int) -> None:
    assert depth <= MAX_DEPTH + 1
    assert type(value) in (*SCALARS, list, dict, Sexp, Annotated), value
    assert isinstance(repr(value), str)
    if isinstance(value, str):
        value.encode()  # half a surrogate pair is no text
    elif isinstance(value, list):
        for item in value:
            check_value(item, depth + 1)
    elif isinstance(value, dict):
        for name, item in value.items():
            name.encode()
            check_value(item, depth + 1)
    elif isinstance(value, Annotated):
        assert value.annotations
        assert {type(name) for name in value.annotations} <= {Symbol, UnknownSymbol}
        check_value(value.value, depth)


def check_rule(value: object) -> None:
    try:
        rule = compile_rule(value, "flag")  # type: ignore[arg-type]
    except RuleError as fault:
        fault.message.encode()
        return
    assert rule.holds({}) in (True, False)
