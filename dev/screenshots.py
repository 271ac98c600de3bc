"""Writes the pictures of docs/console.md: the console as Chromium shows it, light and dark."""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import orjson

from dev import process
from dev.browser import CHROMIUM, Browser
from dev.service import ROOT, answers, free_port
from fastext.commands.storage import served

FASTEXT = Path(sys.executable).with_name("fastext")
IMAGES = ROOT / "docs" / "images"
MAX_BYTES = 150_000
NAME = "shop:production:checkout"
CONTEXT = "country=NL, userId=u2"


def folder(path: Path) -> None:
    """The examples, as a folder of local development; of one configuration there are two files."""
    for file in (ROOT / "examples" / "local").iterdir():
        shutil.copy(file, path)
    flags = served(orjson.loads((ROOT / "examples" / "flags" / "checkout.json").read_bytes()))
    (path / f"{NAME}.json").write_bytes(orjson.dumps(flags))
    for suffix in ("json", "yaml"):
        (path / f"shop:production:prices.{suffix}").write_text("{}")


def main() -> int:
    if CHROMIUM is None:
        print("make screenshots: Chromium is missing: apt-get install chromium", file=sys.stderr)
        return 1
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as files:
        folder(Path(files))
        port = free_port()
        settings = {"LOCAL_DEVELOPMENT_DIRECTORY": files, "HTTP_PORT": str(port)}
        fastext = process.start([FASTEXT], {**os.environ, **settings})
        try:
            while not answers(port, "/ping"):
                time.sleep(0.05)
            take(port)
        finally:
            process.end(fastext)
    return 0


def take(port: int) -> None:
    browser = Browser()
    try:
        for scheme in ("light", "dark"):
            page = browser.page(1200, 860)
            page.prefer(scheme)
            page.go(f"http://localhost:{port}/#{NAME.replace(':', '/')}")
            page.see("default, for no rule is true", "#flags")
            page.evaluate("document.getElementById('context').focus()")
            page.type(CONTEXT)
            page.see("green", "#flags")
            page.evaluate("document.querySelector('#flags button').click()")
            page.see("not needed", "#flags")
            path = IMAGES / f"console-{scheme}.png"
            page.screenshot(path)
            assert path.stat().st_size < MAX_BYTES, path
            print(path.relative_to(ROOT))
    finally:
        browser.stop()


if __name__ == "__main__":
    sys.exit(main())
