"""`fastext lint`: every constraint of a document, every fault with its path."""

import copy
import json

import pytest
from command_line import run
from hypothesis import given
from hypothesis import strategies as st
from test_explain import ION_BINARY, ION_TEXT

from fastext.commands import lint_values
from fastext.commands.faults import Faults, at
from fastext.commands.lint_storage import storage
from fastext.commands.storage import is_storage, served
from fastext.variants import read_json_flags

SOUND = {
    "version": "1",
    "flags": {
        "checkout": {
            "name": "Checkout",
            "description": "The new one",
            "_createdAt": "2024-01-01T00:00:00Z",
            "_deprecation": {"status": "planned", "date": "2025-12-31"},
            "attributes": {
                "color": {"constraints": {"type": "string", "enum": ["red", "blue"]}},
                "code": {"description": "d", "constraints": {"type": "string", "pattern": "^a"}},
                "limit": {"constraints": {"type": "number", "minimum": 1, "maximum": 9}},
                "tags": {"constraints": {"type": "array",
                                         "elements": {"type": "string", "enum": ["x", "y"]}}},
                "beta": {"constraints": {"type": "boolean", "required": True}},
                "free": {},
            },
        },
        "plain": {},
    },
    "values": {
        "checkout": {
            "_variants": [
                {"name": "a", "enabled": True, "rule": "(split pct::20 by::$u)",
                 "attributeValues": {"color": "red", "code": "abc", "limit": 9, "tags": ["x"],
                                     "beta": False, "free": [1, 2.5]}},
                {"name": "off", "enabled": False},
            ],
            "_updatedAt": "2024-01-01T00:00:00Z",
        },
        "plain": {"enabled": True},
    },
}  # fmt: skip

VALUE = "values.checkout._variants[0].attributeValues"
DEFINED = "flags.checkout.attributes"


def faults_of(document):
    found = Faults()
    if is_storage(document):
        storage(found, document)
    else:
        for name, value in document.items():
            lint_values.flag(found, at("", name), name, value, None, stored=False)
    return found


def changed(path, value):
    """SOUND with another value at `path`, of keys; None removes it."""
    document = copy.deepcopy(SOUND)
    *way, last = path
    place = document
    for step in way:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return document


A = ("values", "checkout", "_variants", 0)
ATTRIBUTES = ("flags", "checkout", "attributes")
VALUES = (*A, "attributeValues")


def test_a_sound_document_has_none():
    assert faults_of(SOUND).found == []


@pytest.mark.parametrize(
    ("path", "value", "where", "message"),
    [
        (("version",), None, "version", "is missing"),
        (("version",), "2", "version", 'is "2", not "1"'),
        (("version",), 1, "version", 'is 1, not "1"'),
        (("more",), 1, "more", "neither version"),
        (("flags",), [], "flags", "is an array, not an object"),
        (("values",), 7, "values", "is 7, not an object"),
        (("flags", "Upper"), {}, "flags.Upper", "no key of a flag"),
        (("flags", "a b"), {}, 'flags["a b"]', "no key of a flag"),
        (("flags", "a" * 65), {}, "flags." + "a" * 65, "no key of a flag"),
        (("flags", "plain"), 1, "flags.plain", "is 1, not an object"),
        (("flags", "plain", "name"), "a\nb", "flags.plain.name", "64 characters"),
        (("flags", "plain", "name"), "a" * 65, "flags.plain.name", "64 characters"),
        (("flags", "plain", "description"), "a" * 1025, "flags.plain.description", "over 1024"),
        (("flags", "plain", "_createdAt"), 1, "flags.plain._createdAt", "not a string"),
        (("flags", "checkout", "_deprecation", "status"), "done",
         "flags.checkout._deprecation.status", 'not "planned"'),
        (("flags", "checkout", "_deprecation", "date"), "soon",
         "flags.checkout._deprecation.date", "not a date"),
        (("flags", "checkout", "_deprecation", "why"), "x",
         "flags.checkout._deprecation.why", "neither status nor date"),
        (("flags", "plain", "attributes"), {f"a{n}": {} for n in range(26)},
         "flags.plain.attributes", "26 attributes, over 25"),
        ((*ATTRIBUTES, "Bad"), {}, f"{DEFINED}.Bad", "no key of an attribute"),
        ((*ATTRIBUTES, "free"), 1, f"{DEFINED}.free", "not an object"),
        ((*ATTRIBUTES, "free", "description"), 1, f"{DEFINED}.free.description", "not a string"),
        ((*ATTRIBUTES, "free", "constraints"), 1, f"{DEFINED}.free.constraints", "not an object"),
        ((*ATTRIBUTES, "free", "constraints"), {}, f"{DEFINED}.free.constraints.type", "missing"),
        ((*ATTRIBUTES, "free", "constraints"), {"type": ["string"]},
         f"{DEFINED}.free.constraints.type", "one of string, number"),
        ((*ATTRIBUTES, "beta", "constraints", "required"), 1,
         f"{DEFINED}.beta.constraints.required", "not a boolean"),
        ((*ATTRIBUTES, "beta", "constraints", "minimum"), 1,
         f"{DEFINED}.beta.constraints.minimum", "no constraint of a boolean"),
        ((*ATTRIBUTES, "color", "constraints", "pattern"), ".",
         f"{DEFINED}.color.constraints", "both a pattern and an enum"),
        ((*ATTRIBUTES, "code", "constraints", "pattern"), "a?" * 600,
         f"{DEFINED}.code.constraints.pattern", "over 1024"),
        ((*ATTRIBUTES, "color", "constraints", "enum"), ["red"] * 101,
         f"{DEFINED}.color.constraints.enum", "101 elements, over 100"),
        ((*ATTRIBUTES, "color", "constraints", "enum"), ["red", 1.5],
         f"{DEFINED}.color.constraints.enum[1]", "neither a string nor an integer"),
        ((*ATTRIBUTES, "limit", "constraints", "enum"), ["red", 9],
         f"{DEFINED}.limit.constraints.enum[0]", "not a number"),
        ((*ATTRIBUTES, "limit", "constraints", "minimum"), 0.5,
         f"{DEFINED}.limit.constraints.minimum", "not an integer"),
        ((*ATTRIBUTES, "tags", "constraints", "elements", "type"), "map",
         f"{DEFINED}.tags.constraints.elements.type", "one of string, number"),
        (("values", "ghost"), {"enabled": True}, "values.ghost", "not among the flags"),
        (("values", "plain"), "on", "values.plain", 'is "on", not an object'),
        (("values", "plain", "enabled"), "on", "values.plain.enabled", "not a boolean"),
        (("values", "plain", "enabled"), 1, "values.plain.enabled", "not a boolean"),
        (("values", "plain", "size"), 1, "values.plain.size", "not among the attributes"),
        (("values", "plain", "_createdAt"), 1, "values.plain._createdAt", "not a string"),
        (("values", "checkout", "color"), "red", "values.checkout.color", "stands beside"),
        (("values", "checkout", "_variants"), [], "values.checkout._variants", "at least one"),
        ((*A, "name"), None, "values.checkout._variants[0].name", "is missing"),
        ((*A, "name"), "a" * 65, "values.checkout._variants[0].name", "64 characters"),
        ((*A, "name"), "off", "values.checkout._variants[1].name", "as that of a variant before"),
        ((*A, "enabled"), None, "values.checkout._variants[0].enabled", "is missing"),
        ((*A, "when"), 1, "values.checkout._variants[0].when", "no member of a variant"),
        ((*A, "rule"), None, "values.checkout._variants[0].rule", "is missing; every variant"),
        ((*A, "rule"), 1, "values.checkout._variants[0].rule", "is not a string"),
        ((*A, "rule"), "(eq $a", "values.checkout._variants[0].rule", "'(' is never closed"),
        ((*A, "rule"), f'(eq $a "{"x" * 16384}")', "values.checkout._variants[0].rule",
         "over 16384"),
        (("values", "checkout", "_variants", 1, "rule"), "true",
         "values.checkout._variants[1].rule", "the last variant is the default"),
        (VALUES, 1, VALUE, "not an object"),
        ((*VALUES, "color"), "green", f"{VALUE}.color", "not in the enum"),
        ((*VALUES, "color"), 1, f"{VALUE}.color", "want a string"),
        ((*VALUES, "code"), "b", f"{VALUE}.code", 'does not match "^a"'),
        ((*VALUES, "limit"), 0, f"{VALUE}.limit", "below its minimum 1"),
        ((*VALUES, "limit"), 9.5, f"{VALUE}.limit", "above its maximum 9"),
        ((*VALUES, "limit"), True, f"{VALUE}.limit", "want a number"),
        ((*VALUES, "tags"), ["x", "z"], f"{VALUE}.tags[1]", "not in the enum"),
        ((*VALUES, "beta"), None, VALUE, "lacks the attribute beta"),
        ((*VALUES, "free"), {}, f"{VALUE}.free", "neither a string, a number"),
        ((*VALUES, "free"), [1, "a"], f"{VALUE}.free", "neither strings alone"),
        ((*VALUES, "free"), ["a" * 1025], f"{VALUE}.free[0]", "over 1024"),
        ((*VALUES, "Free"), 1, f"{VALUE}.Free", "no key of an attribute"),
    ],
)  # fmt: skip
def test_every_constraint_of_the_storage_form(path, value, where, message):
    errors = [fault for fault in faults_of(changed(path, value)).found if not fault.warning]
    assert [fault.path for fault in errors] == [where] * len(errors)
    assert errors
    assert message in errors[0].message


def test_a_minimum_above_the_maximum_and_too_many_variants():
    document = changed((*ATTRIBUTES, "limit", "constraints", "minimum"), 10)
    assert [fault.path for fault in faults_of(document).found] == [
        f"{DEFINED}.limit.constraints", f"{VALUE}.limit"
    ]  # fmt: skip
    variants = [{"name": f"v{n}", "enabled": False, "rule": "true"} for n in range(32)]
    document = changed(
        ("values", "checkout", "_variants"), [*variants, {"name": "z", "enabled": False}]
    )
    (fault,) = faults_of(document).found
    assert (fault.path, fault.message) == (
        "values.checkout._variants", "has 33 variants, over 32"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "where", "message"),
    [
        (("values", "plain", "enabled"), "TRUE", "values.plain.enabled", "takes for true"),
        (("values", "plain", "enabled"), None, "values.plain.enabled", "takes for false"),
        (("values", "plain"), None, "flags.plain", "is not served at all"),
        (("flags", "plain", "owner"), "me", "flags.plain.owner", "the service drops it"),
        ((*ATTRIBUTES, "code", "constraints", "pattern"), "(?=a)",
         f"{DEFINED}.code.constraints.pattern", "RE2 does not read it"),
        ((*A, "enabled"), "1", "values.checkout._variants[0].enabled", "takes for true"),
    ],
)  # fmt: skip
def test_what_the_service_takes_all_the_same_is_a_warning(path, value, where, message):
    (fault,) = faults_of(changed(path, value)).found
    assert (fault.path, fault.warning) == (where, True)
    assert message in fault.message


# ---------------------------------------------------------------- rules


def rule_faults(*rules):
    variants = [
        {"name": f"v{n}", "enabled": True, "rule": rule} for n, rule in enumerate(rules)
    ]  # fmt: skip
    return faults_of({"new": {"_variants": [*variants, {"name": "off", "enabled": False}]}}).found


def test_every_fault_of_a_rule_is_named():
    found = rule_faults('(and (starts_with $a "x") (or (gt $b) (eq $c 1)) (not true false))')
    assert [fault.message.partition(":")[0] for fault in found] == [
        "'starts_with' is no operator; there are and, or, not, eq, gt, gte, lt, lte, begins_with, "
        "ends_with, contains, in, matches, exists, split",
        "(gt ...) wants 2 arguments, not 1",
        "(not ...) wants 1 arguments, not 2",
    ]
    (fault,) = rule_faults('(and (matches in::$a pattern::"(?=a)"))')[:1]
    assert "RE2 refuses" in fault.message


def test_a_share_for_nobody_is_a_warning():
    (fault,) = rule_faults("(split pct::20 by::$u)", "(split pct::20 by::$u)")
    assert (fault.path, fault.warning) == ("new._variants[1].rule", True)
    assert "pct::40" in fault.message


# ---------------------------------------------------------------- other forms


@pytest.mark.parametrize(
    ("flag", "where", "message"),
    [
        ({}, "new.enabled", "is missing"),
        ({"enabled": "true"}, "new.enabled", "not a boolean"),
        ([], "new", "not an object"),
        ({"enabled": True, "Big": 1}, "new.Big", "no key"),
        ({"enabled": True, "a": None}, "new.a", "null, neither"),
        ({"enabled": True, "_variant": 1}, "new._variant", "not a variant's name"),
        ({"_variants": [{"name": "a", "enabled": "true"}]}, "new._variants[0].enabled", "boolean"),
    ],
)
def test_the_retrieval_form(flag, where, message):
    (fault,) = faults_of({"new": flag}).found
    assert (fault.path, fault.warning) == (where, False)
    assert message in fault.message


def test_attributes_of_a_disabled_flag_would_not_be_served():
    (fault,) = faults_of({"new": {"enabled": False, "a": 1}}).found
    assert fault.warning


@pytest.fixture
def lint(tmp_path):
    def lint(content):
        path = tmp_path / "document"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        answer = run("lint", str(path), "--json")
        told = json.loads(answer.stdout) if answer.stdout else None
        return answer.returncode, told, answer.stderr

    return lint


ION_FAULTS = (
    "'a'::[ on::[(gt $x), '''{\"enabled\":true}'''], '''{\"enabled\":1}''' ]\n"
    "'b'::'''{\"enabled\":true,\"X\":1}'''\n"
    "'b'::[]\n"
    "7\n"
)


def test_ion_has_its_faults_by_flag_and_variant(lint):
    status, told, _ = lint(ION_FAULTS)
    assert (status, told["form"]) == (1, "Ion text")
    assert [fault["path"] for fault in told["faults"]] == [
        "a[0][0]",
        "a[1]",
        "b.X",
        "b",
        "b",
        "[3]",
    ]


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (json.dumps(SOUND), "storage form"),
        ('{"new":{"enabled":true}}', "JSON"),
        ("{}", "JSON"),
        ('{"version":{"enabled":true},"flags":{"enabled":false}}', "JSON"),
        (ION_TEXT, "Ion text"),
        (ION_BINARY, "Ion binary"),
    ],
)
def test_clean_is_0(lint, content, form):
    status, told, _ = lint(content)
    assert (status, told["form"], told["errors"], told["faults"]) == (0, form, 0, [])


@pytest.mark.parametrize(
    "content",
    ["", "{", '{"a":NaN}', "[" * 100_000, b"\xff{}", b'{"a":"\xff"}', "new::[",
     b"\xe0\x01\x00\xea\xff", '\ufeff{"a":{"enabled":true}}', "plain words"],
)  # fmt: skip
def test_what_cannot_be_read_is_2(lint, content):
    status, told, said = lint(content)
    assert (status, told) == (2, None)
    assert said.startswith("fastext lint: ")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ('{"new":{"enabled":true,"enabled":false}}', "new.enabled"),
        ('{"new":{"enabled":true},"new":{"enabled":true}}', "new"),
        ("[]", ""),
        ("{\"new\":{\"enabled\":true,\"a\":\"\\ud800\"}}", ""),
    ],
)  # fmt: skip
def test_errors_are_1(lint, content, path):
    status, told, _ = lint(content)
    assert (status, told["faults"][0]["path"]) == (1, path)


# ---------------------------------------------------------------- in general

keys = st.sampled_from(["version", "flags", "values", "new", "old", "enabled", "_variants", "name",
                        "rule", "attributes", "attributeValues", "constraints", "type", "enum",
                        "minimum", "pattern", "elements", "required", "_variant"])  # fmt: skip
scalars = st.sampled_from([None, True, False, 0, 1.5, "", "1", "string", "number", "array", "true",
                           "(eq $a 1)", "(split pct::1 by::$a)", "(and"])  # fmt: skip
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=20,
)


@given(st.dictionaries(keys, trees, max_size=5))
def test_whatever_comes_is_told_without_an_exception(tree):
    for fault in faults_of(tree).found:
        assert fault.message


enabled_values = st.sampled_from([True, False, "true", "0", None])
sound_variants = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from("abc"), "enabled": st.sampled_from([True, False, "t"])},
        optional={"rule": st.sampled_from(["true", "(eq $a 1)", "(gt $b)"]),
                  "attributeValues": st.just({"n": 1})},
    ),
    max_size=3,
)  # fmt: skip
values = st.dictionaries(
    st.sampled_from(["new", "old"]),
    st.fixed_dictionaries({"enabled": enabled_values}, optional={"n": st.just(1)})
    | st.fixed_dictionaries({"_variants": sound_variants}),
)


@given(values)
def test_what_is_clean_the_engine_serves(values):
    flags = {name: {"attributes": {"n": {}}} for name in values}
    tree = {"version": "1", "flags": flags, "values": values}
    if not faults_of(tree).errors:
        read = read_json_flags(json.dumps(served(tree)).encode())
        assert read is None or read.flags.evaluate((), {})
