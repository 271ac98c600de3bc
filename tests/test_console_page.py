"""The console's page in Chromium: by keyboard, in light and dark, and under its policy."""

import json
import os
from itertools import pairwise

import pytest

from dev.browser import CHROMIUM, Browser
from dev.service import ROOT, free_port
from fastext.commands.storage import served

pytestmark = pytest.mark.skipif(
    CHROMIUM is None,
    reason="!!! NO CHROMIUM: the console's page is NOT tested; apt-get install chromium",
)

FLAGS = served(json.loads((ROOT / "examples" / "flags" / "checkout.json").read_text()))
PLAIN = {"dark_mode": {"enabled": True}, "limits": {"enabled": False}}
FOCUSED = "document.activeElement"


@pytest.fixture(scope="module")
def browser():
    browser = Browser()
    yield browser
    browser.stop()


@pytest.fixture
def opened(browser):
    """Opens pages; at the end of the test none of them may have given cause for complaint."""
    pages = []

    def opened(program, fragment="", width=1280):
        page = browser.page(width)
        pages.append(page)
        page.go(f"http://localhost:{program.port}/{fragment}")
        return page

    yield opened
    for page in pages:
        page.evaluate("new Promise(requestAnimationFrame)")
        page.close()
        assert page.complaints == []


@pytest.fixture
def local(start, tmp_path):
    """Starts fastext on a folder of files, which it looks at ten times a second."""

    def local(files, **variables):
        for name, content in files.items():
            put(tmp_path, name, content)
        variables = {"POLL_INTERVAL_SECONDS": "100ms", "LOG_LEVEL": "info", **variables}
        return start(LOCAL_DEVELOPMENT_DIRECTORY=str(tmp_path), **variables).wait_serving()

    return local


def put(folder, name, content):
    """Write a file so that whoever reads it finds it whole."""
    partial = folder / "partial"
    partial.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    os.replace(partial, folder / name)


def tab_to(page, element_id):
    """Press Tab until the element has the focus, as one must be able to."""
    for _ in range(20):
        page.press("Tab")
        if page.evaluate(f"{FOCUSED}.id") == element_id:
            return
    raise AssertionError(f"Tab never reaches {element_id}")


def type_into(page, element_id, text):
    page.evaluate(f"document.getElementById('{element_id}').focus()")
    page.type(text)


# ---------------------------------------------------------------- what it shows


def test_it_lists_configurations_and_tells_their_state(local, opened, tmp_path):
    program = local({"shop:prod:good.json": PLAIN, "shop:prod:twice.json": {},
                     "shop:prod:twice.txt": b"x"})  # fmt: skip
    page = opened(program)
    page.see("live", "#live")
    page.see("version 1, 0 s old, local", "#configurations")
    page.see(" s ago: '", "#configurations")
    assert "has several files of it" in page.text("#configurations")
    assert "serving local files" in page.text("header")
    assert page.text("#title") == "shop:prod:good"
    page.see("2 flags", "#flag-count")
    page.see("dark_mode", "#flags")
    page.evaluate("document.querySelectorAll('#configurations button')[1].click()")
    page.see(" s ago: '", "#detail")
    page.see("several files", "#no-flags")


def test_an_agent_that_has_read_nothing_says_so_and_reads_what_is_asked_for(
    start, appconfig, opened
):
    program = start(AWS_ENDPOINT_URL=appconfig.url, FASTEXT_CONSOLE="1").wait_serving()
    page = opened(program)
    page.see("Nothing has been read yet", "nav")
    page.see("Choose a configuration", "#empty")
    tab_to(page, "wanted")
    page.type("shop:production:features")
    page.press("Enter")
    page.see("3 flags", "#flag-count")
    page.see("version 1", "#configurations")
    assert "v1" in page.text("#facts")
    assert page.evaluate("location.hash") == "#shop/production/features"
    assert not page.evaluate("document.getElementById('none').checkVisibility()")
    type_into(page, "wanted", "shop:production:none")
    page.press("Enter")
    page.see("ResourceNotFoundException", "#no-flags")


def test_what_is_no_flags_is_shown_as_it_is(local, opened):
    number = "12345678901234567890.1e2"
    numbers = b'{"n":[%b,{}],"s":"a\\"{"}' % number.encode()
    files = {"a:e:text.txt": "grüße".encode(), "a:e:bytes": b"\0\xff", "a:e:numbers.json": numbers}
    program = local(files)
    page = opened(program, "#a/e/text")
    page.see("grüße", "#content")
    assert "is not a feature-flag document" in page.text("#no-flags")
    page.evaluate("location.hash = '#a/e/bytes'")
    page.see("not text", "#content")
    page.evaluate("location.hash = '#a/e/numbers'")
    page.see(number, "#content")
    shown = '{\n  "n": [\n    %s,\n    {}\n  ],\n  "s": "a\\"{"\n}' % number
    assert page.evaluate("document.getElementById('content').textContent") == shown


# ---------------------------------------------------------------- by keyboard


def test_a_flag_is_explained_without_a_mouse(local, opened):
    program = local({"a:e:checkout.json": FLAGS, "a:e:plain.json": PLAIN})
    page = opened(program)
    page.see("default, for no rule is true", "#flags")
    page.press("Tab")
    assert page.evaluate(f"{FOCUSED}.id") == "skip"
    page.press("Enter")
    assert page.evaluate(f"{FOCUSED}.id") == "detail"
    page.press("Tab")
    assert page.evaluate(f"{FOCUSED}.id") == "context"
    page.type("country=NL, userId=ü7")
    page.press("Tab")
    page.type("me")
    page.see("green", "#flags")
    page.press("Tab")
    assert page.evaluate(f"{FOCUSED}.classList.contains('flag')")
    assert page.evaluate(f"{FOCUSED}.getAttribute('aria-expanded')") == "false"
    page.press("Enter")
    page.see('$userId is "ü7"', "#flags")
    assert page.evaluate(f"{FOCUSED}.getAttribute('aria-expanded')") == "true"
    page.press(" ")
    page.until("!document.querySelector('.inside')")
    page.press("/")  # there is but one flag, and nothing to filter
    page.press("Tab")
    assert page.evaluate(f"{FOCUSED}.tagName") == "SUMMARY"
    page.press("Enter")
    page.see('"_variant"', "#content")


def test_lists_are_one_stop_of_the_tab_key_and_arrows_go_about_in_them(local, opened):
    files = {f"a:e:c{n}.json": {f"flag{n}": {"enabled": True}} for n in range(5)}
    page = opened(local(files))
    page.see("5", "#count")
    page.see("flag0", "#flags")
    tab_to(page, "pick")
    page.press("Tab")
    focused = f"{FOCUSED}.firstChild.innerText"
    assert page.evaluate(focused) == "c0"
    page.press("ArrowDown", "ArrowDown", "ArrowUp")
    assert page.evaluate(focused) == "c1"
    page.press("End")
    assert page.evaluate(focused) == "c4"
    stops = "[...document.querySelectorAll('#configurations [tabindex=\"0\"]')]"
    assert page.evaluate(f"{stops}.map((one) => one.firstChild.innerText)") == ["c4"]
    page.press("ArrowDown", "Home", "ArrowUp")
    assert page.evaluate(focused) == "c0"
    page.press("ArrowDown", "Enter")
    page.see("flag1", "#flags")
    assert page.text("#title") == "a:e:c1"
    page.press("Tab")
    assert page.evaluate(f"{FOCUSED}.id") == "wanted"
    page.evaluate("history.back()")
    page.see("flag0", "#flags")


def test_everything_that_can_be_used_has_a_name(local, opened):
    page = opened(local({"a:e:checkout.json": FLAGS, "a:e:plain.json": PLAIN}))
    page.see("no rule is true", "#flags")
    page.evaluate("document.querySelector('.flag').click()")
    page.see("chosen", "#flags")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    roles = ("button", "textbox", "searchbox", "DisclosureTriangle", "navigation", "region", "main")
    used = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes
            if not node["ignored"] and node["role"]["value"] in roles]  # fmt: skip
    assert {"button", "searchbox", "textbox"} <= {role for role, _ in used}
    assert [one for one in used if not one[1] and one[0] != "main"] == []
    # A page's headings lead through it, none left out.
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


# ---------------------------------------------------------------- light and dark

# The smallest contrast of a text with what lies behind it (WCAG 2.2, success criterion 1.4.3).
CONTRAST = """
(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (color, under) => {
    canvas.fillStyle = `rgb(${under})`; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const behind = (node) => node
    ? rgb(getComputedStyle(node).backgroundColor, behind(node.parentElement))
    : matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0] : [255, 255, 255];
  const light = (c) => c.map((v) => v / 255)
    .map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || !parent.checkVisibility() || parent.closest("script,style")) continue;
    const back = behind(parent), fore = rgb(getComputedStyle(parent).color, back);
    const [low, high] = [light(back), light(fore)].sort((a, b) => a - b);
    found.push([(high + .05) / (low + .05), node.data.trim().slice(0, 40)]);
  }
  return found.sort((a, b) => a[0] - b[0]);
})()
"""
BRIGHTNESS = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"


def test_it_is_light_or_dark_as_the_browser_is_and_legible_in_both(local, opened):
    files = {"a:e:checkout.json": FLAGS, "a:e:twice.json": {}, "a:e:twice.txt": b"x"}
    page = opened(local(files))
    page.see("no rule is true", "#flags")
    page.evaluate("document.querySelector('.flag').click()")
    type_into(page, "context", "country=NL, userId=ü7")
    page.see("chosen", "#flags")
    page.see("error", "#configurations")
    page.see("green", "#flags")
    for scheme, bright in (("light", True), ("dark", False)):
        page.prefer(scheme)
        assert (min(page.evaluate(BRIGHTNESS)) > 127) is bright
        contrasts = page.evaluate(CONTRAST)
        assert len(contrasts) > 40
        assert contrasts[0][0] >= 4.5, contrasts[:5]


def test_it_fits_a_narrow_screen(local, opened):
    long = "a_rather_long_name_" * 6
    files = {f"a:e:{long}.json": {long: {"enabled": True, "v": long}}}
    page = opened(local(files), width=360)
    page.see(long, "#flags")
    page.evaluate("document.querySelector('.flag').click()")
    page.see('"v"', "#flags")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    cut = (
        "[...document.querySelectorAll('main *')].filter((one) => one.scrollWidth > one.clientWidth"
    )
    assert page.evaluate(f"{cut} && getComputedStyle(one).display !== 'inline').length") == 0


# ---------------------------------------------------------------- strangers' documents

HOSTILE = "<img src=x onerror='hacked=1'><script>hacked=1</script>\"'${hacked=1}\u202e"


def test_documents_are_shown_as_text_whatever_they_hold(local, opened):
    on = {"name": HOSTILE, "enabled": True, "attributeValues": {"x": HOSTILE},
          "rule": f"(eq $tier {json.dumps(HOSTILE)})"}  # fmt: skip
    name = "<b onclick=hacked=1>{x}"
    flags = {HOSTILE: {"_variants": [on, {"name": "off", "enabled": False}]},
             "__proto__": {"enabled": True}, "constructor": {"enabled": False}}  # fmt: skip
    files = {f"a:e:{name}.json": flags, "a:e:<i>.json": {}, "a:e:<i>.txt": b"x"}
    page = opened(local(files), f"#a/e/{name}")
    page.see(HOSTILE, "#flags")
    page.see("3 flags", "#flag-count")
    page.see("'a:e:<i>.json'", "#configurations")
    page.evaluate("document.querySelectorAll('.flag').forEach((one) => one.click())")
    page.see("is not in the context", "#flags")
    type_into(page, "context", f"tier={HOSTILE}")
    page.evaluate("document.querySelector('summary').click()")
    page.see("__proto__", "#content")
    assert (
        page.evaluate("document.querySelectorAll('main img, main script, main b, main i').length")
        == 0
    )
    assert page.evaluate("typeof hacked") == "undefined"


def test_the_browser_holds_the_page_to_its_policy(local, opened):
    page = opened(local({"a:e:plain.json": PLAIN}))
    page.see("2 flags", "#flag-count")
    assert page.complaints == []
    refused = """
      (async () => {
        const said = [];
        window.violations = [];
        const attempt = (what) => { try { what(); } catch (fault) { said.push(fault.name); } };
        const [style, script, button] = ["style", "script", "button"]
          .map((name) => document.createElement(name));
        document.addEventListener("securitypolicyviolation", (event) => {
          violations.push(event.effectiveDirective);
        });
        attempt(() => { document.body.innerHTML = "<b>x</b>"; });
        attempt(() => { script.text = "hacked = 1"; document.head.append(script); });
        attempt(() => { button.setAttribute("onclick", "hacked = 1"); button.click(); });
        attempt(() => trustedTypes.createPolicy("own", { createHTML: (text) => text }));
        style.textContent = "*{color:red}"; document.head.append(style);
        await fetch("http://127.0.0.1:1/").catch(() => 0);
        return [said, typeof hacked];
      })()
    """
    said, hacked = page.evaluate(refused)
    assert hacked == "undefined"
    assert said == ["TypeError"] * 4
    page.until("violations.includes('style-src-elem') && violations.includes('connect-src')")
    page.complaints.clear()  # which is what they are


# ---------------------------------------------------------------- what happens meanwhile


def test_it_follows_a_change(local, opened, tmp_path):
    variants = [{"name": "on", "enabled": True, "rule": '(eq $tier "gold")'},
                {"name": "off", "enabled": False}]  # fmt: skip
    silver = [{**variants[0], "name": "silver", "rule": '(eq $tier "silver")'}, variants[1]]
    flags = {"new": {"_variants": variants}, "same": {"_variants": silver}}
    program = local({"a:e:c.json": flags})
    page = opened(program)
    page.see("no rule is true", "#flags")
    page.evaluate("document.querySelector('.flag').click()")
    type_into(page, "context", "tier=silver")
    page.evaluate("document.querySelector('.flag').focus()")
    page.see('$tier is "silver"', ".inside")
    page.see('(eq $tier "silver") is true', "#flags")  # of the other flag
    variants[0]["rule"] = '(eq $tier "silver")'
    put(tmp_path, "a:e:c.json", {**flags, "x": {"enabled": True}})
    page.see("Version 2 of c: changed: new, x for this caller", "#news")
    page.see("3 flags", "#flag-count")
    page.see("on", ".choice.chosen strong")
    assert page.evaluate(f"{FOCUSED} === document.querySelector('.flag')")
    assert page.text("#facts").split()[:2] == ["Version", "2"]


def test_it_says_that_the_server_is_away_and_goes_on_when_it_is_back(start, opened, tmp_path):
    put(tmp_path, "a:e:c.json", {"old": {"enabled": True}})
    port = str(free_port())
    settings = {
        "LOCAL_DEVELOPMENT_DIRECTORY": str(tmp_path),
        "HTTP_PORT": port,
        "LOG_LEVEL": "info",
    }
    program = start(**settings).wait_serving()
    program.port = int(port)
    page = opened(program)
    page.see("old", "#flags")
    program.stop()
    page.evaluate("poll()")
    page.see("no answer from the server", "#live")
    assert "old" in page.text("#flags")
    put(tmp_path, "a:e:c.json", {"new": {"enabled": True}})
    start(**settings).wait_serving()
    page.evaluate("poll()")
    page.see("live", "#live")
    page.see("new", "#flags")


def test_a_context_that_is_none_is_told_beside_it(local, opened):
    page = opened(local({"a:e:checkout.json": FLAGS}))
    page.see("no rule is true", "#flags")
    type_into(page, "context", "country")
    page.see("is not a list of key=value", "#context-fault")
    assert (
        page.evaluate("document.getElementById('context').getAttribute('aria-invalid')") == "true"
    )
    page.type("=NL,email=me@shop.example")
    page.see("staff", "#flags .flag")
    assert page.evaluate("document.getElementById('context-fault').hidden")


# ---------------------------------------------------------------- the access token


def test_it_asks_for_the_token_and_keeps_it_to_itself(local, opened):
    program = local({"a:e:plain.json": PLAIN}, ACCESS_TOKEN="tökén")
    page = opened(program)
    page.until("document.getElementById('locked').open")
    assert page.evaluate(f"{FOCUSED}.id") == "token"
    page.type("wrong")
    page.press("Enter")
    page.see("The server refuses this token", "#locked")
    page.press("Escape")
    page.until("!document.getElementById('locked').open")
    assert page.text("#live") == "locked"
    page.evaluate("document.getElementById('unlock').focus()")
    page.press("Enter")
    page.type("tökén")
    page.press("Enter")
    page.see("2 flags", "#flag-count")
    page.see("live", "#live")
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


# ---------------------------------------------------------------- many


def test_two_hundred_configurations_and_a_thousand_flags_are_found_by_their_names(local, opened):
    rules = [
        {"name": f"v{n}", "enabled": True, "rule": f'(and (eq $tier "t{n}") (exists key::"x"))'}
        for n in range(3)
    ]
    many = {
        f"flag{n:04}": {"_variants": [*rules, {"name": "off", "enabled": False}]}
        for n in range(1000)
    }
    files = {f"a:e:c{n:03}.json": {"f": {"enabled": True}} for n in range(199)}
    page = opened(local({**files, "a:e:many.json": many}, POLL_INTERVAL_SECONDS="1h"), "#a/e/many")
    page.see("1000 flags", "#flag-count")
    page.see("200", "#count")
    type_into(page, "sift", "flag0777")
    page.see("1 of 1000 flags", "#flag-count")
    type_into(page, "context", "tier=t1, x=y")
    page.see("v1", "#flags li:not([hidden])")
    page.evaluate("document.querySelector('#flags li:not([hidden]) button').click()")
    page.see("chosen", "#flags")
    type_into(page, "pick", "c19")
    page.see("9 of 200", "#count")
