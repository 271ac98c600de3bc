"""The rule engine: every operator, every coercion, the buckets; an oracle for the whole."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastext.errors import RuleError, UnknownSymbolError
from fastext.ion import Sexp, Symbol, UnknownSymbol, read_text_value
from fastext.rules import VariantFlag, VariantFlags, bucket, compile_rule


def rule(text):
    return compile_rule(read_text_value(text), "my_flag")


def holds(text, **context):
    return rule(text).holds(context)


# ---------------------------------------------------------------- operators


@pytest.mark.parametrize(
    ("text", "true_of", "false_of"),
    [
        ('(eq $state "Virginia")', {"state": "Virginia"}, {"state": "virginia"}),
        ("(gt $age 65)", {"age": "65.5"}, {"age": "65"}),
        ("(gte $age 65)", {"age": "65"}, {"age": "64"}),
        ("(lt $age 65)", {"age": "-1"}, {"age": "65"}),
        ("(lte $age 65)", {"age": "65.0"}, {"age": "66"}),
        ('(and (eq $state "Virginia") (gt $age 65))',
         {"state": "Virginia", "age": "66"}, {"state": "Virginia", "age": "65"}),
        ('(or (eq $state "Virginia") (gt $age 65))',
         {"state": "Ohio", "age": "66"}, {"state": "Ohio", "age": "65"}),
        ('(not (eq $state "Virginia"))', {"state": "Ohio"}, {"state": "Virginia"}),
        ('(begins_with $state "A")', {"state": "Alaska"}, {"state": "alaska"}),
        ('(ends_with $email "amazon.com")', {"email": "x@amazon.com"}, {"email": "amazon.com.x"}),
        ('(contains $promoCode "WIN")', {"promoCode": "aWINb"}, {"promoCode": "win"}),
        ('(in $userId ["123", "456"])', {"userId": "456"}, {"userId": "45"}),
        ('(matches in::$greeting pattern::"h.*y")', {"greeting": "oh hey you"}, {"greeting": "yh"}),
        ('(exists key::"country")', {"country": "false"}, {"Country": "x"}),
        ('(split pct::10 by::$userId seed::"abc")', {"userId": "user123"}, {"userId": "u-1"}),
    ],
)  # fmt: skip
def test_each_operator_is_true_and_false(text, true_of, false_of):
    assert rule(text).holds(true_of)
    assert not rule(text).holds(false_of)
    assert rule(text).holds({}) == text.startswith("(not")


@pytest.mark.parametrize(
    ("text", "context", "truth"),
    [
        # a text is read as its literal's type
        ("(eq $n 1)", {"n": "1.0"}, True),
        ("(eq $n 1)", {"n": "one"}, False),
        ("(eq $n 1)", {"n": ""}, False),
        ("(eq $n 10)", {"n": "1_0"}, False),
        ("(eq $n 1)", {"n": " 1"}, False),
        ("(eq $n 1e3)", {"n": "1000"}, True),
        ("(eq $n 9007199254740993)", {"n": "9007199254740993"}, True),
        ("(eq $n 9007199254740993)", {"n": "9007199254740992"}, False),
        ("(lt $n 1)", {"n": "nan"}, False),
        ("(gt $n 1)", {"n": "inf"}, True),
        ('(eq $n "1")', {"n": "1.0"}, False),
        ("(eq 1 $n)", {"n": "1"}, True),
        ("(gt 65 $age)", {"age": "64"}, True),
        *[("(eq $b true)", {"b": text}, True) for text in ("1", "t", "T", "TRUE", "true", "True")],
        *[("(eq $b false)", {"b": text}, True)
          for text in ("0", "f", "F", "FALSE", "false", "False")],
        ("(eq $b true)", {"b": "yes"}, False),
        ("(eq $b false)", {"b": "yes"}, False),
        ("(gt $t 2012-03-04T05:06:07-08:00)", {"t": "2012-03-04T13:06:08Z"}, True),
        ("(eq $t 2012-03-04T05:06:07-08:00)", {"t": "2012-03-04T13:06:07Z"}, True),
        ("(lt $t 2024-01T)", {"t": "2023-12-31"}, True),
        ("(gt $t 2024T)", {"t": "soon"}, False),
        # two texts: by number where both are, else by their bytes
        ('(gt $v "9")', {"v": "10"}, True),
        ('(gt $v "9")', {"v": "1x"}, False),
        ('(gt $v "abc")', {"v": "abd"}, True),
        ("(lt $a $b)", {"a": "2", "b": "10"}, True),
        ("(eq $a $b)", {"a": "x", "b": "x"}, True),
        ("(eq $a $b)", {"a": "x"}, False),
        ('(eq "a" "a")', {}, True),
        # conditions that are no expressions
        ("$beta", {"beta": "true"}, True),
        ("(and $beta true)", {"beta": "1"}, True),
        ("(and $beta true)", {"beta": "maybe"}, False),
        ("(not $beta)", {}, True),
        ("(or false $beta)", {"beta": "T"}, True),
        ("true", {}, True),
        # lists of different types
        ('(in $x ["a", 2, true, 2024T])', {"x": "2.0"}, True),
        ('(in $x ["a", 2, true, 2024T])', {"x": "t"}, True),
        ('(in $x ["a", 2, true, 2024T])', {"x": "2024-01-01"}, True),
        ('(in $x ["a", 2, true, 2024T])', {"x": "b"}, False),
        ("(in $x [])", {"x": "b"}, False),
        # what is missing makes a comparison false, and its negation true
        ('(not (eq $x "a"))', {}, True),
        ('(not (in $x ["a"]))', {}, True),
        # RE2 finds a pattern anywhere; `$` is the end of the text alone
        ('(matches in::$x pattern::"^a$")', {"x": "a\n"}, False),
        ('(matches in::$x pattern::"(?i)ABC")', {"x": "xabcx"}, True),
        ('(matches pattern::"\\\\pL+" in::$x)', {"x": "1\u00e91"}, True),
        # split
        ('(split by::$u pct::0 seed::"s")', {"u": "x"}, False),
        ('(split by::$u pct::100 seed::"s")', {"u": "x"}, True),
        ("(split by::$u pct::100)", {}, False),
        ('(split by:: $u pct:: 8.850 seed:: "abc")', {"u": "user123"}, False),
        ('(split by::$u pct::8.851 seed::"abc")', {"u": "user123"}, True),
    ],
)  # fmt: skip
def test_what_is_compared_is_read_as_the_literal_s_type(text, context, truth):
    assert rule(text).holds(context) is truth


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("()", "an expression is empty"),
        ("(neq $a 1)", "'neq' is no operator; there are and, or, not"),
        ("(starts_with $a 1)", "'starts_with' is no operator"),
        ('("eq" $a 1)', "is no operator"),
        ("(eq $a)", r"\(eq ...\) wants 2 arguments, not 1"),
        ("(eq $a 1 2)", r"\(eq ...\) wants 2 arguments, not 3"),
        ("(not true false)", r"\(not ...\) wants 1 arguments"),
        ("(and true)", r"\(and ...\) wants at least 2 conditions, not 1"),
        ('(and "x" true)', "'x' is no condition"),
        ("(eq a 1)", "a is no value; a variable of the context begins with"),
        ("(eq $ 1)", "is no value"),
        ("(eq $a [1])", r"\[1\] is neither a text"),
        ("(eq $a {x:1})", "is neither a text"),
        ("(eq $a (eq 1 1))", r"\(...\) is neither"),
        ("(eq $a null)", "None is neither"),
        ("(in $a 1)", "wants a list of constants"),
        ("(in $a [$b])", r"'\$b' is neither"),
        ('(contains $a 1)', r"\(contains ...\) wants texts, not 1"),
        ('(matches in::$a)', r"\(matches ...\) lacks pattern::"),
        ('(matches $a "x")', "wants name::value, not '\\$a'"),
        ('(matches in::$a pattern::1)', "wants a text as pattern"),
        ('(matches in::$a pattern::"(?=x)")', r"RE2 refuses the pattern '\(\?=x\)': .*\(\?="),
        ('(matches in::$a pattern::"(a)\\\\1")', "RE2 refuses"),
        ('(matches in::$a in::$b pattern::"x")', "in:: is not known here, or there twice"),
        ('(exists key::$a)', "wants the name of a key"),
        ('(exists key::"")', "wants the name of a key"),
        ('(exists "a")', "wants name::value"),
        ('(split by::$u)', "lacks pct::"),
        ('(split pct::101 by::$u)', "wants 0 to 100 as pct, not 101"),
        ('(split pct::-1 by::$u)', "wants 0 to 100 as pct, not -1"),
        ('(split pct::"10" by::$u)', "wants 0 to 100 as pct"),
        ('(split pct::true by::$u)', "wants 0 to 100 as pct"),
        ('(split pct::1 by::$u seed::1)', "wants a text as seed"),
        ('(split pct::1 by::$u salt::"x")', "salt:: is not known here"),
        ('(split pct::1 by::5)', "wants texts"),
        ("1", "1 is no condition"),
    ],
)  # fmt: skip
def test_a_malformed_rule_is_refused_with_the_reason(text, says):
    with pytest.raises(RuleError, match=says):
        rule(text)


@pytest.mark.parametrize(
    "node",
    [
        Sexp([UnknownSymbol(14), Symbol("$a"), 1]),
        Sexp([Symbol("not"), Sexp([UnknownSymbol(14), Symbol("$a"), 1])]),
        Sexp([Symbol("eq"), UnknownSymbol(45), 1]),
        Sexp([Symbol("in"), Symbol("$a"), [UnknownSymbol(46)]]),
        UnknownSymbol(14),
    ],
)
def test_a_symbol_that_is_not_known_is_told_from_a_fault(node):
    with pytest.raises(UnknownSymbolError, match=r"the symbol \$\d+ is not known"):
        compile_rule(node, "f")


class Missing:
    """Finds no re2."""

    def find_spec(self, name, path=None, target=None):
        if name == "re2":
            raise ModuleNotFoundError("No module named 're2'")


def test_where_re2_is_missing_a_pattern_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "re2", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    with pytest.raises(RuleError, match="needs google-re2: No module named 're2'"):
        rule('(matches in::$a pattern::"x")')


# ---------------------------------------------------------------- buckets


@pytest.mark.parametrize(
    ("value", "seed", "percentage"),
    [("user123", "abc", 8.850), ("u-1", "co", 10.836), ("u-42", "co", 64.363),
     ("L000000", "rollout-2026", 88.609), ("L000001", "rollout-2026", 65.762),
     ("jane_doe@example.org", "", 1.420), ("", "abc", 20.331), ("\u00dcn\u00efcode", "abc", 38.965),
     ("42", "seed_one", 43.681), ("42", "seed_two", 86.667)],
)  # fmt: skip
def test_values_stand_where_the_published_hash_puts_them(value, seed, percentage):
    assert bucket(value, seed) == percentage


def shares(*rules):
    flag = VariantFlag(
        (*"AB"[: len(rules)], "default"),
        tuple(map(rule, rules)),
        (b"",) * (len(rules) + 1),
    )
    chosen = [flag.choose({"u": f"id-{number}"}) for number in range(20_000)]
    return [chosen.count(name) / 200 for name in flag.names]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (['(split pct::20 by::$u seed::"s")'], [20, 80]),
        (['(split pct::20 by::$u seed::"s")'] * 2, [20, 0, 80]),
        (['(split pct::20 by::$u seed::"s")', '(split pct::25 by::$u seed::"s")'], [20, 5, 75]),
        (['(split pct::20 by::$u seed::"seed_one")', '(split pct::25 by::$u seed::"seed_two")'],
         [20, 20, 60]),
        (["(split pct::20 by::$u)", "(split pct::25 by::$u)"], [20, 5, 75]),
    ],
)  # fmt: skip
def test_the_published_distributions(rules, expected):
    assert shares(*rules) == pytest.approx(expected, abs=1.5)


def test_without_a_seed_flags_are_split_independently():
    text = "(split pct::50 by::$u)"
    one, two = (compile_rule(read_text_value(text), name) for name in ("one", "two"))
    ids = [{"u": f"id-{number}"} for number in range(5000)]
    both = sum(one.holds(context) and two.holds(context) for context in ids)
    assert both / 50 == pytest.approx(25, abs=3)


# ---------------------------------------------------------------- an oracle

KEYS = st.sampled_from(["a", "b", "c"])
TEXTS = st.sampled_from(["", "x", "xy", "1", "2", "10", "1.5", "true", "F", "2024-01-01"])
LEAVES = st.one_of(
    st.tuples(st.sampled_from(["eq", "gt", "gte", "lt", "lte"]), KEYS, st.integers(-3, 12)),
    st.tuples(st.just("eq"), KEYS, TEXTS),
    st.tuples(st.sampled_from(["begins_with", "ends_with", "contains"]), KEYS, TEXTS),
    st.tuples(st.just("in"), KEYS, st.lists(TEXTS | st.integers(0, 10), max_size=3)),
    st.tuples(st.just("exists"), KEYS),
    st.tuples(st.just("truth"), KEYS),
)
RULES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["and", "or"]), inner, inner), st.tuples(st.just("not"), inner)
    ),
    max_leaves=8,
)


def written(node):
    operator, *arguments = node
    if operator == "exists":
        return f'(exists key::"{arguments[0]}")'
    if operator == "truth":
        return f"(or ${arguments[0]} false)"
    if operator in ("and", "or", "not"):
        return f"({operator} {' '.join(map(written, arguments))})"
    key, other = arguments
    literal = f"[{', '.join(map(quoted, other))}]" if isinstance(other, list) else quoted(other)
    return f"({operator} ${key} {literal})"


def quoted(value):
    return f'"{value}"' if isinstance(value, str) else str(value)


def number(text):
    try:
        return float(text)
    except ValueError:
        return None


def expected(node, context):
    operator, *arguments = node
    if operator == "and":
        return all(expected(argument, context) for argument in arguments)
    if operator == "or":
        return any(expected(argument, context) for argument in arguments)
    if operator == "not":
        return not expected(arguments[0], context)
    text = context.get(arguments[0])
    if operator == "exists":
        return text is not None
    if text is None:
        return False
    if operator == "truth":
        return text in ("1", "t", "T", "TRUE", "true", "True")
    if operator == "in":
        return any(
            text == item if isinstance(item, str) else number(text) == item for item in arguments[1]
        )
    other = arguments[1]
    if operator in ("begins_with", "ends_with", "contains"):
        found = {"begins_with": text.startswith(other), "ends_with": text.endswith(other)}
        return found.get(operator, other in text)
    if isinstance(other, str):
        return text == other
    value = number(text)
    if value is None:
        return False
    return {"eq": value == other, "gt": value > other, "gte": value >= other,
            "lt": value < other, "lte": value <= other}[operator]  # fmt: skip


@given(RULES, st.dictionaries(KEYS, TEXTS))
def test_rules_are_true_where_plain_python_says_so(node, context):
    assert rule(written(node)).holds(context) == expected(node, context)


# ---------------------------------------------------------------- flags


def flags():
    color = VariantFlag(("blue", "red"), (rule('(eq $c "b")'),), (b'{"v":"blue"}', b'{"v":"red"}'))
    return VariantFlags({"plain": b'{"enabled":true}', "color": color},
                        {"plain": b'"plain"', "color": b'"color"'})  # fmt: skip


@pytest.mark.parametrize(
    ("names", "context", "json"),
    [
        (("color",), {"c": "b"}, b'{"v":"blue"}'),
        (("color",), {}, b'{"v":"red"}'),
        (("plain",), {}, b'{"enabled":true}'),
        ((), {"c": "b"}, b'{"plain":{"enabled":true},"color":{"v":"blue"}}'),
        (("color", "plain"), {}, b'{"plain":{"enabled":true},"color":{"v":"red"}}'),
    ],
)
def test_flags_are_evaluated_in_the_order_of_the_document(names, context, json):
    assert flags().evaluate(names, context) == json


def test_what_is_missing_and_what_varies_is_known():
    assert flags().missing(("x", "plain")) == ["x"]
    assert flags().varies(())
    assert flags().varies(("plain", "color"))
    assert not flags().varies(("plain",))
    assert len(flags()) == 2
    assert flags()["color"].choose({"c": "b"}) == "blue"


def test_only_what_is_asked_for_is_evaluated():
    broken = VariantFlag(
        ("default",), (), (None,)
    )  # its value is none, as evaluating it would show
    both = VariantFlags({"plain": b"{}", "broken": broken}, {"plain": b'"plain"', "broken": b""})
    assert both.evaluate(("plain",), {}) == b"{}"
    with pytest.raises(TypeError):
        both.evaluate((), {})
