"""Any rule is compiled or refused with a ContentError; a compiled one is true or false, anywhere.

No context makes it raise, and `not` turns it round.
"""

import re
import zlib
from random import Random

from fastext.errors import ContentError
from fastext.ion import read_text_value
from fastext.rules import Rule, compile_rule

WORDS = (
    b"(and ", b"(or ", b"(not ", b"(eq ", b"(gt ", b"(gte ", b"(lt ", b"(lte ", b"(begins_with ",
    b"(ends_with ", b"(contains ", b"(in ", b"(matches ", b"(exists ", b"(split ", b")", b"[", b"]",
    b",", b"$a", b"$b", b"$", b"'$c d'", b'"x"', b'""', b"1", b"-1.5", b"1e309", b"nan", b"+inf",
    b"true", b"false", b"null", b"2024T", b"2024-02-29T12:00Z", b"in::", b"pattern::", b"key::",
    b"pct::", b"by::", b"seed::", b'"key"::', b'"a.*b"', b'"(a|b)+$"', b'"("', b'"\\\\d{1,1000}"',
    b'"\\0"', b'"\\u00fc"', b"(eq $a 1)", b"(exists key::\"a\")", b"(in $a [1,\"x\",true])",
    b"(split pct::50 by::$a)", b"{{}}", b"{a:1}", b"9007199254740993", b"0x10", b"1_0",
)  # fmt: skip

TEXTS = ("", "1", "1.0", "x", "true", "F", "nan", "-inf", "1e309", "1_0", " 1", "9007199254740993",
         "9" * 39, "9" * 41, "9" * 5000, "0x10", "2024", "2024-02-29T12:00:00Z", "2024-02-30",
         "2024-01-01T00:00:00.9999999999999999999999Z", "\u0661", "\u0664\u0660", "\0", "\u00fc",
         "\U0001f600", "a" * 10_000, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "$a", "None", "+1",
         "2024-01-01T00:00+99:99", "-0", "\u2028", "2024-01-01T00:00:00.\u0661Z")  # fmt: skip


def check(data: bytes) -> bool:
    text = data.decode("utf-8", "replace")
    rule = compiled(text)
    if rule is None:
        return False
    negated = compiled(f"(not {text})")  # None where that is nested too deeply
    for context in contexts(text):
        truth = rule.holds(context)
        assert truth in (True, False)
        assert rule.holds(context) == truth
        assert negated is None or negated.holds(context) != truth
    return True


def compiled(text: str) -> Rule | None:
    try:
        return compile_rule(read_text_value(text), "flag")
    except ContentError as fault:
        fault.message.encode()
        return None


def contexts(text: str) -> list[dict[str, str]]:
    """No context, and some of the rule's own variables with its own texts and nasty ones."""
    random = Random(zlib.crc32(text.encode("utf-8", "surrogatepass")))
    keys = re.findall(r"\$(\w+)", text)[:8] or ["a"]
    texts = (*TEXTS, *re.findall(r'"([^"\\]*)"', text)[:8], *re.findall(r"[\d.]+", text)[:8])
    return [{}] + [{key: random.choice(texts) for key in keys} for _ in range(12)]
