"""The console's server side: where it is, what its page may do, and what it explains."""

import base64
import hashlib
import json
import re
import sys
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from command_line import run
from ion_encoder import encode
from program import FEATURES

from dev.service import ROOT
from fastext import console
from fastext.commands.storage import served
from fastext.extension import new_console
from fastext.ion import Annotated, Sexp, Symbol, read_text_value
from fastext.local import LocalFiles, key_of
from fastext.settings import Settings
from layer.contents import LEFT_OUT
from layer.tree import dotted, sources

PAGE = (ROOT / "src/fastext/console/page.html").read_text()
DESCRIPTION = ROOT / "src/fastext/console/openapi.yaml"
EXPLAIN = "/console/explain"
VARIANTS = "/applications/shop/environments/production/configurations/variants"
TARGETS = ["/", "/?x", "/openapi.yaml", EXPLAIN + FEATURES]
LOCAL = str(ROOT / "examples" / "local")


# ---------------------------------------------------------------- where it is


def test_it_is_there_in_local_development(start):
    program = start(LOCAL_DEVELOPMENT_DIRECTORY=LOCAL).wait_serving()
    for target in TARGETS:
        assert program.get(target).status == 200, target
    assert program.request("/", "HEAD").status == 200
    assert program.request("/", "POST").status == 405
    assert program.get("/console").status == program.get("/console/page.html").status == 404


def test_it_is_there_where_an_agent_is_told_to_have_it(start, appconfig):
    program = start(AWS_ENDPOINT_URL=appconfig.url, FASTEXT_CONSOLE="1").wait_serving()
    assert program.get("/").content.decode() == PAGE
    assert json.loads(program.get(EXPLAIN + FEATURES).content)["version"] == 1


@pytest.mark.parametrize(
    "variables",
    [{}, {"FASTEXT_CONSOLE": "0"},
     {"FASTEXT_CONSOLE": "false", "LOCAL_DEVELOPMENT_DIRECTORY": LOCAL}],
)  # fmt: skip
def test_elsewhere_there_is_no_such_path(start, appconfig, variables):
    program = start(AWS_ENDPOINT_URL=appconfig.url, **variables).wait_serving()
    for target in TARGETS:
        assert program.get(target).status == 404, target


@pytest.mark.parametrize("variables", [{}, {"LOCAL_DEVELOPMENT_DIRECTORY": LOCAL}])
def test_it_is_never_in_lambda(start, appconfig, lambda_api, variables):
    program = start(
        AWS_LAMBDA_RUNTIME_API=lambda_api.address, AWS_ENDPOINT_URL=appconfig.url,
        FASTEXT_CONSOLE="1", PYTHONPROFILEIMPORTTIME="1", **variables,
    )  # fmt: skip
    lambda_api.wait_next(1)
    for target in TARGETS:
        assert program.get(target).status == 404, target
    lambda_api.shutdown()
    assert program.wait() == 0
    loaded = set(re.findall(r"import time: .*\| +(fastext[\w.]*)$", program.log, re.M))
    assert "fastext.extension" in loaded  # the list is complete
    assert not {one for one in loaded if one.startswith(("fastext.console", "fastext.commands"))}


def test_the_layer_has_neither_it_nor_the_page():
    names = {dotted(path) for path in sources()}
    assert "fastext.extension" in names
    assert not {name for name in names if name.startswith(("fastext.console", "fastext.commands"))}
    # Nor does it come along with what imports it.
    assert {"fastext.console", "fastext.commands"} <= {*LEFT_OUT}
    listed = (ROOT / "layer" / "files.txt").read_text()
    assert "page.html" not in listed
    assert "openapi" not in listed


def test_a_build_without_it_says_so_to_who_wants_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "fastext.console", None)  # which makes an import of it fail
    settings = Settings.from_env({"FASTEXT_CONSOLE": "1"}, in_lambda=False)
    told = []
    assert new_console(settings, SimpleNamespace(warn=told.append), None, None) is None
    assert told == ["FASTEXT_CONSOLE: this build has no console; that of pip install has it"]


# ---------------------------------------------------------------- the page


@pytest.fixture(scope="module")
def page():
    return console.page(PAGE.encode())


def policy(reply):
    (line,) = re.findall(rb"Content-Security-Policy: (.*)\r\n", reply.head)
    return {name: values for name, *values in map(str.split, line.decode().split(";"))}


def test_its_policy_allows_the_two_texts_in_it_by_their_hashes(page):
    allowed = policy(page)
    for element in ("style", "script"):
        (text,) = re.findall(f"<{element}>(.*?)</{element}>", PAGE, re.S)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert allowed[f"{element}-src"] == [f"'sha256-{digest}'"]
    assert allowed["default-src"] == ["'none'"]
    assert allowed["connect-src"] == ["'self'"]
    assert b"unsafe" not in page.head


def test_it_is_small_and_needs_nothing_from_elsewhere():
    assert len(PAGE.encode()) < 30_000
    assert not re.search(r"https?:|//\w|@import|url\(|\bsrc=|style=|\son\w+=", PAGE)


def test_it_makes_no_markup_of_text():
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|Function\(", PAGE
    )


def test_who_has_the_page_is_told_so(start):
    program = start(LOCAL_DEVELOPMENT_DIRECTORY=LOCAL).wait_serving()
    first = program.get("/")
    assert first.fields["x-content-type-options"] == "nosniff"
    assert first.fields["content-type"] == "text/html; charset=utf-8"
    for _ in range(3):
        known = program.get("/", **{"If-None-Match": first.fields["etag"]})
        assert known.status == 304
        assert known.fields["cache-control"] == first.fields["cache-control"] == "no-cache"


def test_the_description_is_served():
    served = console.Console(None, None)
    assert served.serves(b"/openapi.yaml?x")
    reply = served.lookup(b"/openapi.yaml?x")
    assert reply.body == DESCRIPTION.read_bytes()
    assert b"Content-Type: application/yaml\r\n" in reply.head


# ---------------------------------------------------------------- the access token


def test_with_a_token_the_page_alone_is_for_everybody(start):
    program = start(LOCAL_DEVELOPMENT_DIRECTORY=LOCAL, ACCESS_TOKEN="t0ken").wait_serving()
    bearer = {"Authorization": "Bearer t0ken"}
    for _ in range(2):
        assert program.get("/").status == 200
        for target in ("/status", EXPLAIN + FEATURES, FEATURES, "/openapi.yaml", "//"):
            assert program.get(target).status == 401, target
            assert program.get(target, Authorization="Bearer t0ke").status == 401, target
        assert program.get(EXPLAIN + FEATURES, **bearer).status == 200
    assert program.request("/", "POST").status == 405
    assert "features" not in PAGE


# ---------------------------------------------------------------- explanations

CHECKOUT = ROOT / "examples" / "flags" / "checkout.json"
FLAGS = served(json.loads(CHECKOUT.read_text()))
ON = b'{"_variant":"on","enabled":true}'
OFF = b'{"_variant":"off","enabled":false}'


def ion(rule, **shared):
    variants = [Annotated((Symbol("on"),), [rule, ON.decode()]), OFF.decode()]
    return encode([Annotated((Symbol("new"),), variants)], shared=shared)


IONS = {
    "text": b"'new'::[ on::[(eq $tier \"gold\"), '''%b'''], '''%b''' ]" % (ON, OFF),
    "binary": ion(read_text_value('(eq $tier "gold")')),
}
OF_FLAGS = "application%ion%type=AWS.AppConfig.FeatureFlags"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("local")
    (folder / "a:e:checkout.json").write_text(json.dumps(FLAGS))
    (folder / "a:e:plain.json").write_text('{"b":{"enabled":true,"n":12345678901234567890},'
                                           '"a":{"enabled":false}}')  # fmt: skip
    for name, content in IONS.items():
        (folder / f"a:e:{name}.{OF_FLAGS}").write_bytes(content)
    (folder / "a:e:stored.json").write_bytes(CHECKOUT.read_bytes())
    (folder / "a:e:note.txt").write_text("no flags")
    return folder


@pytest.fixture(scope="module")
def program(files):
    from program import Program

    started = Program([], {"LOCAL_DEVELOPMENT_DIRECTORY": str(files)}).wait_serving()
    yield started
    started.stop()


def target_of(name, *flags):
    query = "?" + "&".join(f"flag={quote(flag)}" for flag in flags) if flags else ""
    return f"/applications/a/environments/e/configurations/{name}{query}"


@pytest.fixture
def explain(program):
    def explain(name, *flags, **fields):
        reply = program.get(EXPLAIN + target_of(name, *flags), **fields)
        assert reply.status == 200, reply.content
        assert reply.fields["cache-control"] == "no-store"
        return json.loads(reply.content)

    return explain


@pytest.mark.parametrize(
    "context",
    ["", "country=NL", "country=NL, userId=u2", "country=BE, userId=u1", "email=me@shop.example",
     "country=DE, userId=übung"],
)  # fmt: skip
def test_it_is_what_is_served_and_what_the_command_says(explain, program, context):
    fields = {"Context": context.encode()} if context else {}
    pairs = [pair.strip() for pair in context.split(",") if pair]
    command = ["explain", str(CHECKOUT), "--flag", "checkout", "--json"]
    said = json.loads(run(*command, *(["--context", *pairs] if pairs else [])).stdout)
    in_short = explain("checkout", **fields)
    (flag,) = in_short["flags"]
    assert in_short["context"] == said["context"]
    assert (flag["name"], flag["variant"], flag["variants"]) == ("checkout", said["variant"], 4)
    assert (
        flag["served"].encode() == program.get(target_of("checkout", "checkout"), **fields).content
    )
    chosen = next(one for one in said["variants"] if one["chosen"])
    assert flag["rule"] == chosen["rule"]
    assert flag["unknown"] is None
    (in_full,) = explain("checkout", "checkout", **fields)["flags"]
    assert in_full == {**flag, "choices": said["variants"]}


@pytest.mark.parametrize("name", IONS)
def test_ion_is_explained(explain, name):
    told = explain(name, Context="tier=gold")
    assert told["form"] == f"Ion {name}"
    (flag,) = told["flags"]
    assert flag == {"name": "new", "served": ON.decode(), "variant": "on", "variants": 2,
                    "rule": '(eq $tier "gold")', "unknown": None}  # fmt: skip
    (flag,) = explain(name, **{"Entity-Id": "x"})["flags"]
    assert (flag["variant"], flag["rule"], flag["unknown"]) == ("off", None, None)


def test_flags_without_variants_are_told_as_they_stand(explain):
    told = explain("plain", Context="a=b")
    assert [flag["name"] for flag in told["flags"]] == ["b", "a"]
    assert told["flags"][0] == {
        "name": "b", "served": '{"enabled":true,"n":12345678901234567890}', "variant": None,
        "variants": 0, "rule": None, "unknown": None,
    }  # fmt: skip
    (flag,) = explain("plain", "a")["flags"]
    assert flag["choices"] == []


def test_a_rule_that_cannot_be_evaluated_is_named(explain, files):
    content = ion(Sexp([Symbol("gt"), Symbol("$age"), 65]), gt=14)
    (files / f"a:e:unknown.{OF_FLAGS}").write_bytes(content)
    told = explain("unknown", "new", Context="age=70")
    (flag,) = told["flags"]
    assert (flag["variant"], flag["rule"], flag["unknown"]) == ("off", None, "on")
    assert flag["choices"][0]["holds"] is None
    assert len(told["notes"]) == 1


def test_a_default_that_is_called_like_another_variant_is_not_taken_for_it(explain, files):
    variants = [{"name": "on", "enabled": True, "rule": '(eq $tier "gold")'},
                {"name": "on", "enabled": False}]  # fmt: skip
    (files / "a:e:twice.json").write_text(json.dumps({"new": {"_variants": variants}}))
    (flag,) = explain("twice")["flags"]
    assert (flag["variant"], flag["rule"]) == ("on", None)
    (flag,) = explain("twice", Context="tier=gold")["flags"]
    assert (flag["variant"], flag["rule"]) == ("on", '(eq $tier "gold")')


@pytest.mark.parametrize(
    ("name", "flags", "fields", "status", "message"),
    [
        ("checkout", ["none"], {}, 404, "no such flag: 'none'"),
        ("checkout", [], {"Context": "country"}, 400, "the Context field is not a list"),
        ("checkout", [""], {}, 400, "flag"),
        ("note", [], {}, 400, "is not a feature-flag document"),
        ("stored", [], {}, 400, "the form in which AppConfig stores flags"),
        ("absent", [], {}, 404, "has no file"),
    ],
)
def test_what_cannot_be_explained_is_said(program, name, flags, fields, status, message):
    reply = program.get(EXPLAIN + target_of(name, *flags), **fields)
    assert reply.status == status
    assert message in json.loads(reply.content)["Message"]


def test_a_change_is_explained_at_once(start, appconfig):
    appconfig.next_poll_interval_s = 0
    program = start(
        AWS_ENDPOINT_URL=appconfig.url, FASTEXT_CONSOLE="true", POLL_INTERVAL_SECONDS="50ms"
    ).wait_serving()  # fmt: skip
    told = json.loads(program.get(f"{EXPLAIN}{FEATURES}?flag=dark_mode").content)
    assert json.loads(told["flags"][0]["served"])["enabled"] is True
    appconfig.deploy("shop", "production", "features", b'{"dark_mode":{"enabled":false}}')
    program.wait_for_log("updated cache data")
    told = json.loads(program.get(f"{EXPLAIN}{FEATURES}?flag=dark_mode").content)
    assert (told["version"], told["flags"][0]["served"]) == (2, '{"enabled":false}')


# ---------------------------------------------------------------- the local folder


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ("a:e:c", "c"),
        ("a:e:c.json", "c"),
        ("a:e:c.v2.json", "c.v2"),
        (f"a:e:c.{OF_FLAGS}", "c"),
        ("a%3Ae%3Ac.yaml", "c"),
        ("a:e:c.json~", None),
        ("a:e:.json", None),
        ("a:e:c.bak", None),
        ("a:e", None),
        ("a::c", None),
        ("README.md", None),
    ],
)
def test_a_file_names_its_configuration(entry, name):
    assert key_of(entry) == (None if name is None else ("a", "e", name))


def test_every_file_of_the_folder_is_listed_from_the_start(program, files):
    program.wait_for_log("started in")
    told = json.loads(program.get("/status").content)["configurations"]
    listed = {one["configuration"] for one in told}
    assert {"checkout", "plain", "text", "binary", "stored", "note"} <= listed


def test_a_folder_that_cannot_be_read_has_no_files():
    assert LocalFiles("/nonexistent").keys() == []


def test_without_the_console_files_are_read_when_they_are_asked_for(start):
    program = start(LOCAL_DEVELOPMENT_DIRECTORY=LOCAL, FASTEXT_CONSOLE="0")
    program.wait_for_log("started in")
    assert json.loads(program.get("/status").content)["configurations"] == []
