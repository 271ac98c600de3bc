"""`fastext explain`: every form of document, every operator in words, the engine's own verdict."""

import json

import pytest
from command_line import run
from hypothesis import given
from hypothesis import strategies as st
from ion_encoder import encode

from fastext.commands.expression import text_of
from fastext.commands.trace import trace
from fastext.errors import RuleError
from fastext.ion import Annotated, Sexp, Symbol, read_text_value
from fastext.rules import compile_rule

DEFAULT = {"name": "off", "enabled": False}
ON = {"name": "on", "enabled": True, "attributeValues": {"color": "blue"}}


def stored(**flags):
    return {
        "version": "1",
        "flags": {name: {} for name in flags},
        "values": {name: {"_variants": variants} for name, variants in flags.items()},
    }


@pytest.fixture
def explain(tmp_path):
    """What the command tells of a document, as JSON."""

    def explain(document, *arguments, flag="new"):
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        path = tmp_path / "document"
        path.write_bytes(content)
        answer = run("explain", str(path), "--flag", flag, "--json", *arguments)
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    return explain


# ---------------------------------------------------------------- documents

RULE = '(eq $tier "gold")'
VARIANTS = [{**ON, "rule": RULE}, DEFAULT]
ION_TEXT = (
    """'new'::[ on::[%s, '''{"_variant":"on","enabled":true,"color":"blue"}'''],"""
    """ '''{"_variant":"off","enabled":false}''' ]""" % RULE
)
ION_BINARY = encode(
    [
        Annotated(
            (Symbol("new"),),
            [
                Annotated(
                    (Symbol("on"),),
                    [read_text_value(RULE), '{"_variant":"on","enabled":true,"color":"blue"}'],
                ),
                '{"_variant":"off","enabled":false}',
            ],
        )
    ]
)


@pytest.mark.parametrize(
    ("document", "form"),
    [
        (stored(new=VARIANTS), "storage form"),
        ({"new": {"_variants": VARIANTS}}, "JSON with _variants"),
        (ION_TEXT.encode(), "Ion text"),
        (ION_BINARY, "Ion binary"),
    ],
)
def test_every_form_is_read_and_gives_the_same(explain, document, form):
    told = explain(document, "--context", "tier=gold")
    assert (told["form"], told["variant"]) == (form, "on")
    assert told["value"] == {"_variant": "on", "enabled": True, "color": "blue"}
    assert bool(told["notes"]) == (form == "storage form")
    assert explain(document)["variant"] == "off"


def test_plain_flags_have_no_variants(explain):
    told = explain({"new": {"enabled": True, "n": 1}})
    assert (told["form"], told["variant"], told["variants"]) == ("JSON", None, [])
    assert told["value"] == {"enabled": True, "n": 1}


def test_a_stored_document_is_what_the_service_makes_of_it(explain):
    document = {
        "version": "1",
        "flags": {"new": {"name": "New"}, "old": {}},
        "values": {
            "new": {"enabled": "TRUE", "z": 1, "a": [2], "_createdAt": "2024"},
            "old": {"enabled": False, "color": "red"},
        },
    }
    assert explain(document)["value"] == {"a": [2], "enabled": True, "z": 1}
    assert explain(document, flag="old")["value"] == {"enabled": False}


def test_the_context_is_read_as_a_callers_fields_are(explain):
    document = stored(new=[{**ON, "rule": '(eq $entityId "x=1")'}, DEFAULT])
    told = explain(document, "--context", "a=1, b = 2", "c=", "--entity-id", "x=1")
    assert told["context"] == {"a": "1", "b": "2", "c": "", "entityId": "x=1"}
    assert told["variant"] == "on"


# ---------------------------------------------------------------- what is told


def test_the_json_has_its_shape(explain):
    told = explain(
        stored(new=[{**ON, "rule": '(and (gt $age 65) (exists key::"x"))'}, DEFAULT]),
        "--context", "age=7",
    )  # fmt: skip
    assert sorted(told) == ["context", "document", "flag", "form", "notes", "value", "variant",
                            "variants"]  # fmt: skip
    on, off = told["variants"]
    assert {**on, "finding": None} == {
        "name": "on", "rule": '(and (gt $age 65) (exists key::"x"))', "holds": False,
        "reached": True, "chosen": False, "finding": None,
    }  # fmt: skip
    assert (off["rule"], off["holds"], off["chosen"], off["finding"]) == (None, None, True, None)
    finding = on["finding"]
    assert finding["operator"] == "and"
    older, exists = finding["parts"]
    assert older == {
        "expression": "(gt $age 65)", "operator": "gt", "holds": False, "reached": True,
        "because": '$age is "7", read as the number 7; 7 > 65 is false',
        "details": {"operands": [
            {"expression": "$age", "text": "7", "read_as": "number", "value": 7},
            {"expression": "65", "text": 65, "read_as": "number", "value": 65},
        ]},
        "parts": [],
    }  # fmt: skip
    assert not exists["reached"]


def test_behind_the_chosen_variant_nothing_is_reached(explain):
    document = stored(new=[{**ON, "rule": "true"}, {**ON, "name": "b", "rule": "true"}, DEFAULT])
    told = explain(document)
    assert [(one["chosen"], one["reached"]) for one in told["variants"]] == [
        (True, True), (False, False), (False, False)
    ]  # fmt: skip


def test_a_rule_with_an_unknown_symbol_leads_to_the_default(explain):
    rule = Sexp([Symbol("gt"), Symbol("$age"), 65])
    content = encode(
        [
            Annotated(
                (Symbol("new"),),
                [
                    Annotated((Symbol("on"),), [rule, '{"enabled":true}']),
                    Annotated((Symbol("b"),), [True, '{"enabled":true}']),
                    '{"_variant":"off","enabled":false}',
                ],
            )
        ],
        shared={"gt": 14},
    )  # fmt: skip
    told = explain(content, "--context", "age=70")
    on, second, off = told["variants"]
    assert (on["holds"], on["reached"], second["reached"], off["chosen"]) == (
        None,
        True,
        False,
        True,
    )
    assert "$14" in on["finding"]["because"]
    assert "$14" in told["notes"][0]


@pytest.mark.parametrize(
    ("rule", "context", "because"),
    [
        ('(eq $a "x")', {"a": "y"}, '$a is "y"; "y" = "x" is false'),
        ('(eq $a "x")', {}, "$a is not in the context"),
        ('(eq $userId "x")', {"userid": "x"},
         "$userId is not in the context, which has userid: case counts"),
        ("(gt $a 65)", {"a": "old"}, '$a is "old", which cannot be read as a number'),
        ("(gte 1e2 $a)", {"a": "70"}, '$a is "70", read as the number 70; 100.0 >= 70 is true'),
        ("(eq $a true)", {"a": "1"}, '$a is "1", read as the boolean true; true = true is true'),
        ("(lt $a 2024-02)", {"a": "2024-01-31"},
         '$a is "2024-01-31", read as the timestamp 2024-01-31; 2024-01-31 < 2024-02 is true'),
        ('(lt $a "10")', {"a": "9"}, '$a is "9", read as the number 9; 9 < 10 is true'),
        ('(lt $a "b")', {"a": "9"}, '$a is "9"; "9" < "b" is true'),
        ("(eq $a $b)", {"a": "1", "b": "1.0"}, '$a is "1"; $b is "1.0"; "1" = "1.0" is false'),
        ('(begins_with $a "A")', {"a": "b"}, '$a is "b"; "b" does not begin with "A"'),
        ('(ends_with $a "b")', {"a": "ab"}, '$a is "ab"; "ab" ends with "b"'),
        ('(contains $a "b")', {}, "$a is not in the context"),
        ('(in $a ["x", 7])', {"a": "7.0"}, '$a is "7.0", read as the number 7.0, in the list'),
        ('(in $a ["x", 7])', {"a": "8"},
         '$a is "8", equal to none of the 2 in the list, read as number or text'),
        ('(matches in::$a pattern::"h.*y")', {"a": "hey"},
         '$a is "hey"; the pattern "h.*y" is found in it'),
        ('(exists key::"a")', {"a": "false"}, 'the context has a, as "false"; any value counts'),
        ('(exists key::"a")', {}, "the context has no a"),
        ('(split pct::10 by::$a seed::"abc")', {"a": "user123"},
         '$a is "user123"; with the seed "abc" its bucket is 8.850, below 10'),
        ("(split pct::10.5 by::$a)", {"a": "u"},
         '$a is "u"; with the seed "flag" (the flag\'s name: none is given) its bucket is 41.762, '
         "not below 10.5"),
        ("(not (exists key::\"a\"))", {}, "its condition is false"),
        ("(or false true false)", {}, "condition 2 is true, and it decides"),
        ("(or false false)", {}, "all 2 conditions are false"),
        ("$a", {"a": "T"}, '$a is "T", read as the boolean true'),
        ("true", {}, "is written so"),
    ],
)  # fmt: skip
def test_every_reason(rule, context, because):
    assert trace(read_text_value(rule), "flag", context).because == because


# ---------------------------------------------------------------- against the engine

texts = st.sampled_from(["", "1", "1.0", "9", "10", "true", "F", "2024-01", "abc", "ab", "x"])
literals = st.one_of(
    texts, st.integers(-20, 20), st.floats(allow_nan=False), st.booleans(),
    st.just(read_text_value("2024-01-31T00:00:00Z")),
)  # fmt: skip
variables = st.sampled_from(["$a", "$b", "$c"]).map(Symbol)
operands = variables | literals


def sexp(name, *arguments):
    return st.tuples(*arguments).map(lambda values: Sexp([Symbol(name), *values]))


def annotated(name, values):
    return values.map(lambda value: Annotated((Symbol(name),), value))


leaves = st.one_of(
    st.booleans(),
    variables,
    *(sexp(name, operands, operands) for name in ("eq", "gt", "gte", "lt", "lte")),
    *(sexp(name, variables | texts, texts) for name in ("begins_with", "ends_with", "contains")),
    sexp("in", operands, st.lists(literals, max_size=4)),
    sexp("matches", annotated("in", variables), annotated("pattern", texts)),
    sexp("exists", annotated("key", st.sampled_from("abc"))),
    sexp("split", annotated("pct", st.integers(0, 100)), annotated("by", variables)),
)
rules = st.recursive(
    leaves,
    lambda inner: st.one_of(
        sexp("and", inner, inner), sexp("or", inner, inner, inner), sexp("not", inner)
    ),
    max_leaves=6,
)
contexts = st.dictionaries(st.sampled_from("abc"), texts)


@given(rules, contexts)
def test_the_findings_are_the_engines_and_agree_with_each_other(rule, context):
    finding = trace(rule, "flag", context)
    assert finding.holds == compile_rule(rule, "flag").holds(context)
    pending = [finding]
    while pending:
        one = pending.pop()
        assert one.because
        parts = [part.holds for part in one.parts]
        if one.operator in ("and", "or", "not"):
            assert (
                one.holds
                == {"and": all(parts), "or": any(parts), "not": not parts[0]}[one.operator]
            )
            reached = [part.holds for part in one.parts if part.reached]
            if one.reached and one.operator != "not":
                assert {"and": all(reached), "or": any(reached)}[one.operator] == one.holds
        pending += one.parts


@given(rules)
def test_a_rule_as_text_is_the_same_rule(rule):
    assert read_text_value(text_of(rule)) == rule


@pytest.mark.parametrize("text", ["'a b'::\"x\"", "[null, 'it\\'s', nan]", '"a\\"\\n"'])
def test_other_values_as_text(text):
    assert text_of(read_text_value(text)) == text


def test_what_the_engine_refuses_is_no_finding():
    with pytest.raises(RuleError):
        trace(read_text_value("(eq 1)"), "flag", {})
