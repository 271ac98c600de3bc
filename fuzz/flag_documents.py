"""Any document is flags or is not, as the oracle says, at any size; flags are cut out as json cuts.

A document with variants is evaluated to JSON, or refused with a ContentError.
"""

import json

import oracle
import orjson

from fastext import _parse
from fastext._parse import index_flags, select_flags
from fastext.document import read_document
from fastext.errors import ContentError, UnknownFlag
from fastext.rules import VariantFlags

WORDS = (
    b"{}", b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b'"a":{"enabled":true}', b"true",
    b"false", b"null", b'"enabled":', b'"_variants":', b'"\\u0065nabled":true', b'"\\u0061"',
    b'"\\ud83d\\ude00"', b'"\\ud800"', b"1e400", b"1E-400", b"-0.0", b"9" * 310, b"\xef\xbb\xbf",
    b'{"name":"v","enabled":true,"rule":"(eq $a 1)"}', b'{"name":"d","enabled":false}',
    b'"attributeValues":{"x":1}', b'"rule":"(split pct::10 by::$a)"', b'"_variant":"v"',
    b"[" * 200 + b"]" * 200, b'{"a":' * 300 + b"1" + b"}" * 300, b"[" * 1100, b"NaN", b"Infinity",
)  # fmt: skip

CONTEXTS: tuple[dict[str, str], ...] = ({}, {"a": "1"}, {"a": "x", "b": "true"})


def is_flags(content: bytes) -> bool:
    """The oracle's word, but for what json reads beyond RFC 8259, and for depth."""
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    try:
        return oracle.is_flags(content)
    except RecursionError:  # Python's bound is lower than ours
        tree = orjson.loads(content)
        return type(tree) is dict and all(map(_parse.is_feature_flag, tree.values()))


def check(data: bytes) -> bool:
    flags = is_flags(data)
    decoded_bytes = _parse.DECODED_BYTES
    for above in (decoded_bytes, -1):  # by orjson, and by the scanner alone
        _parse.DECODED_BYTES = above
        try:
            index = index_flags(data)
        finally:
            _parse.DECODED_BYTES = decoded_bytes
        assert (index is not None) == flags, above
        if index is not None:
            tree = orjson.loads(data)
            assert len(index) == len(tree)
            check_selection(data, index, tuple(tree))
    try:
        document = read_document(data, "application/json", "", dict)
    except ContentError:
        return False
    if document.variants is not None:
        check_variants(document.variants)
    return flags or document.variants is not None


def check_selection(data: bytes, index: _parse.FlagIndex, names: tuple[str, ...]) -> None:
    wanted = [names[:1], names[-2:], names[::2], names, (*names[:1], "absent")]
    for some in wanted:
        if not some:
            continue
        try:
            expected = oracle.select_flags(data, some)
        except RecursionError:
            return
        except UnknownFlag:
            expected = None
        try:
            got = select_flags(index, some)
        except UnknownFlag:
            assert expected is None
        else:
            assert json.loads(got) == expected


def check_variants(flags: VariantFlags, names: tuple[str, ...] = ()) -> None:
    """Whatever is asked for, in every context, JSON comes out."""
    for context in CONTEXTS:
        tree = orjson.loads(flags.evaluate((), context))
        assert len(tree) == len(flags)
        for name in [*tree][:4]:
            assert orjson.loads(flags.evaluate((name,), context)) == tree[name]
            assert not flags.missing((name,))
