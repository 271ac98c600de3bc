"""Documents with variants, from Ion and from JSON: what they evaluate to, and what is refused."""

import json

import pytest

from fastext.document import Document, read_document
from fastext.errors import ContentError
from fastext.variants import read_ion_flags, read_json_flags

ION = "application/ion; type=AWS.AppConfig.FeatureFlags"

# The published sample of local development (user guide, "Multi-variant feature flag samples").
SAMPLE = r"""
'tiered_release'::[
  ShowFeature::[
    (or
      (and (eq $group "Tier1") (split by::$userId pct::1 seed::"2025.01.01"))
      (and (eq $group "Tier2") (split by::$userId pct::7 seed::"2025.01.01"))
    ),
    '''{"_variant":"ShowFeature","enabled":true}'''
  ],
  '''{"_variant":"HideFeature","enabled":false}'''
]
'colorway'::[
  BetaTesters::[
    (contains $userId "beta"),
    '''{"_variant":"BetaTesters","enabled":true,"background":"blue","foreground":"red"}''',
  ],
  SplitRollOutRedAndBlue::[
    (split by::$userId pct::10), // of all users
    '''{"_variant":"SplitRollOutRedAndBlue","enabled":true,"background":"blue","foreground":"red"}''',
  ],
  '''{"_variant":"default","enabled":true,"background":"green","foreground":"green"}'''
]
'simple_feature'::[
  BetaTesters::[ (contains $userId "beta"), '''{"_variant":"BetaTesters","enabled":true}''' ],
  '''{"_variant":"default","enabled":false}'''
]
'button_color'::'''{"enabled":true,"color":"orange"}'''
"""


def ion(text, symbols=None):
    return read_ion_flags(text.encode(), symbols or {})


def evaluate(read, *names, **context):
    return json.loads(read.flags.evaluate(names, context))


def test_the_published_sample_gives_what_is_published():
    read = ion(SAMPLE)
    assert read.warnings == []
    beta = evaluate(read, userId="beta-1")
    assert beta["colorway"]["_variant"] == "BetaTesters"
    assert beta["simple_feature"] == {"_variant": "BetaTesters", "enabled": True}
    nobody = evaluate(read)
    assert nobody["tiered_release"] == {"_variant": "HideFeature", "enabled": False}
    assert nobody["colorway"]["_variant"] == "default"
    assert nobody["simple_feature"] == {"_variant": "default", "enabled": False}
    assert nobody["button_color"] == {"enabled": True, "color": "orange"}
    assert list(nobody) == ["tiered_release", "colorway", "simple_feature", "button_color"]
    shown = [
        user for user in range(1000)
        if evaluate(read, "tiered_release", group="Tier2", userId=f"u{user}")["enabled"]
    ]  # fmt: skip
    assert 30 < len(shown) < 120


def test_flags_come_out_byte_for_byte():
    read = ion('f::"{\\"enabled\\":true,\\"n\\":1e2}"')
    assert read.flags.evaluate(("f",), {}) == b'{"enabled":true,"n":1e2}'
    assert read.flags.evaluate((), {}) == b'{"f":{"enabled":true,"n":1e2}}'


def test_a_list_of_the_default_alone_is_a_flag():
    assert evaluate(ion('f::["{\\"enabled\\":true}"]'), "f") == {"enabled": True}


@pytest.mark.parametrize(
    ("value", "given"),
    [(r'{\"enabled\":true}', b'{"_variant":"V","enabled":true}'),
     (r'{\"enabled\":true,\"_variant\":\"W\"}', b'{"_variant":"W","enabled":true}'),
     (r'{\"_variant\":\"W\",\"n\":1e2,\"enabled\":true}',
      b'{"_variant":"W","n":1e2,"enabled":true}')],
)  # fmt: skip
def test_the_variant_s_name_comes_first(value, given):
    read = ion(f'f::[V::[true, "{value}"], "{{\\"enabled\\":false}}"]')
    assert read.flags.evaluate(("f",), {}) == given


UNKNOWN = r"""
$ion_symbol_table::{imports:[{name:"ops",version:1,max_id:23},{name:"anns",version:1,max_id:12}]}
f::[
  A::[(eq $x "a"), "{\"enabled\":true}"],
  B::[($23 $x 5), "{\"enabled\":true}"],
  C::[true, "{\"enabled\":true}"],
  "{\"_variant\":\"D\",\"enabled\":false}"
]
""".replace("$23", "$17")


def test_behind_an_unknown_symbol_the_default_is_chosen_and_a_line_says_so():
    read = ion(UNKNOWN)
    assert evaluate(read, "f", x="a")["_variant"] == "A"
    assert evaluate(read, "f", x="9")["_variant"] == "D"
    (warning,) = read.warnings
    assert warning == (
        "flag 'f', variant 'B': the symbol $17 is not known, so this rule and those behind it are "
        "not evaluated; who matches none before it gets 'D'"
    )


def test_a_text_for_the_symbol_makes_the_rule_known():
    read = ion(UNKNOWN, {17: "gt"})
    assert read.warnings == []
    assert evaluate(read, "f", x="9")["_variant"] == "B"
    assert evaluate(read, "f", x="1")["_variant"] == "C"


JSON = r'"{\"enabled\":true}"'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (JSON, "value 1 does not have one annotation, its name"),
        (f"a::b::{JSON}", "value 1 does not have one annotation"),
        ("f::5", "flag 'f' is neither a string of JSON nor a list of variants"),
        ("f::sym", "flag 'f' is neither a string of JSON"),
        ('f::"{"', "flag 'f': the JSON is malformed"),
        ('f::"[]"', "flag 'f': the JSON is no object with a boolean `enabled`"),
        ("f::[]", "flag 'f' has no variants"),
        (f"f::[V::[true, {JSON}]]", "flag 'f': the last variant, 'V', has a rule"),
        (f"f::[{JSON}, {JSON}]", "flag 'f', variant 'default' has no rule, though it is not"),
        (f"f::[V::[true, {JSON}], V::[true, {JSON}], {JSON}]", "has two variants 'V'"),
        (f"f::[V::5, {JSON}]", "flag 'f', variant 'V' is not a list of a rule and JSON"),
        (f"f::[V::[true, 5], {JSON}]", "flag 'f', variant 'V' is neither a string of JSON"),
        (f"f::[V::[(eq $a), {JSON}], {JSON}]", r"flag 'f', variant 'V': \(eq ...\) wants 2"),
        ("f::[V::[(eq", "line 1"),
        (f"f::[[true, {JSON}], {JSON}]", "'f', a variant without annotation has no `_variant`"),
    ],
)  # fmt: skip
def test_malformed_ion_is_refused_with_the_place(text, says):
    with pytest.raises(ContentError, match=says):
        ion(text)


# ---------------------------------------------------------------- JSON


def document(**flags):
    return json.dumps(flags).encode()


def variants(*items):
    return {"_variants": list(items)}


BLUE = {"name": "blue", "rule": '(eq $tier "premium")', "enabled": True,
        "attributeValues": {"limit": 2, "color": "blue"}}  # fmt: skip
RED = {"name": "default", "enabled": False, "attributeValues": {"color": "red"}}


def test_json_variants_are_given_as_the_service_would():
    read = read_json_flags(document(checkout=variants(BLUE, RED)))
    chosen = read.flags.evaluate(("checkout",), {"tier": "premium"})
    assert chosen == b'{"_variant":"blue","color":"blue","enabled":true,"limit":2}'
    assert read.flags.evaluate((), {}) == b'{"checkout":{"_variant":"default","enabled":false}}'


def test_flags_without_variants_beside_them_keep_their_bytes():
    content = b'{"a":{"enabled":true,"n":1e2},"b":' + json.dumps(variants(RED)).encode() + b"}"
    assert read_json_flags(content).flags.evaluate(("a",), {}) == b'{"enabled":true,"n":1e2}'


@pytest.mark.parametrize(
    "content",
    [b"{}", b"[]", b"no JSON", b'{"a":"_variants"}', b'{"a":{"enabled":true,"x":"_variants"}}',
     b'{"version":"1","values":{"a":{"_variants":[]}}}'],
)  # fmt: skip
def test_other_json_is_none_of_ours(content):
    assert read_json_flags(content) is None


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"f": {"_variants": []}}, "flag 'f': `_variants` is not a list with at least one"),
        ({"f": {"_variants": {}}}, "flag 'f': `_variants` is not a list"),
        ({"f": variants(5)}, "flag 'f', variant 1 is not an object"),
        ({"f": variants({"enabled": True})}, "flag 'f', variant 1 has no `name`"),
        ({"f": variants({"name": "a"})}, "flag 'f', variant 1, 'a', has no boolean `enabled`"),
        ({"f": variants(RED | {"attributeValues": []})}, "`attributeValues` is not an object"),
        ({"f": variants(BLUE | {"rule": 5}, RED)}, "`rule` is not a string"),
        ({"f": variants(BLUE | {"rule": "(eq"}, RED)}, "flag 'f', variant 1, 'blue': the rule"),
        ({"f": variants(BLUE | {"rule": "(x)"}, RED)}, "flag 'f', variant 'blue': 'x' is no op"),
        ({"f": variants(RED, RED)}, "flag 'f', variant 'default' has no rule"),
        ({"f": variants(BLUE)}, "flag 'f': the last variant, 'blue', has a rule"),
        ({"f": variants(RED), "g": {"x": 1}}, "flag 'g' has neither"),
    ],
)
def test_malformed_json_variants_are_refused_with_the_place(flags, says):
    with pytest.raises(ContentError, match=says):
        read_json_flags(document(**flags))


def test_what_can_be_read_and_not_be_written_is_refused():
    nested = "[" * 400 + "]" * 400
    deep = {**RED, "enabled": True, "attributeValues": {"x": json.loads(nested)}}
    with pytest.raises(ContentError, match=r"flag 'f', variant 1, .*: the JSON cannot be written"):
        read_json_flags(document(f=variants(deep)))
    deep_json = '{"enabled":true,"x":%s}' % nested
    with pytest.raises(ContentError, match="flag 'f', variant 'a': the JSON cannot be written"):
        ion(f"f::[a::[true, '''{deep_json}'''], '''{deep_json}''']")


# ---------------------------------------------------------------- documents


def read(content, content_type):
    return read_document(content, content_type, "v1", dict)


def test_a_document_has_its_variants_by_its_type():
    assert read(SAMPLE.encode(), ION).variants is not None
    assert read(SAMPLE.encode(), "text/plain").variants is None
    content = document(checkout=variants(BLUE, RED))
    assert read(content, "application/json").variants is not None
    assert read(content, "application/octet-stream").variants is None


def test_an_ordinary_document_loads_nothing_of_the_engine():
    import subprocess
    import sys

    script = (
        "import sys\nfrom fastext.document import read_document\n"
        "read_document(b'{\"a\":{\"enabled\":true}}', 'application/json', '', dict)\n"
        "print([m for m in sys.modules if m.startswith(('fastext.ion', 'fastext.rules', 're2'))])"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert answer.stdout == b"[]\n"


def test_re2_is_loaded_by_a_pattern_only():
    import subprocess
    import sys

    script = (
        "import sys\nfrom fastext.document import read_document\n"
        'def read(rule): read_document((\'f::[V::[\' + rule + \', "{\\\\"enabled\\\\":true}"], '
        "\"{\\\\\"enabled\\\\\":true}\"]').encode(), 'application/ion', '', dict)\n"
        "read('(eq $a 1)'); print('re2' in sys.modules)\n"
        "read('(matches in::$a pattern::\"x\")'); print('re2' in sys.modules)\n"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert answer.stdout == b"False\nTrue\n"


def test_documents_without_variants_are_as_before():
    assert isinstance(read(b"x", "text/plain"), Document)
