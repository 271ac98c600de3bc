"""A headless Chromium, driven by the DevTools protocol over a pair of pipes.

Source: chromedevtools.github.io/devtools-protocol; `--remote-debugging-pipe` reads commands from
descriptor 3 and writes to 4, each message ended by a NUL.
"""

import base64
import fcntl
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from itertools import count
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TIMEOUT_S = 20.0

# Puts the two pipes where Chromium looks for them.
_LAUNCHER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
_ARGUMENTS = (
    "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
    "--disable-extensions", "--disable-sync", "--hide-scrollbars", "--lang=en",
    "--force-color-profile=srgb", "--no-proxy-server",
)  # fmt: skip

# Of the keys that tests press: the code, Windows' virtual key and the text that they type.
_KEYS = {
    "Tab": ("Tab", 9, ""),
    "Enter": ("Enter", 13, "\r"),
    "Escape": ("Escape", 27, ""),
    "End": ("End", 35, ""),
    "Home": ("Home", 36, ""),
    "ArrowUp": ("ArrowUp", 38, ""),
    "ArrowDown": ("ArrowDown", 40, ""),
    " ": ("Space", 32, " "),
    "/": ("Slash", 191, "/"),
}


def _high(descriptor: int) -> int:
    """The same pipe under a number that is neither 3 nor 4."""
    other: int = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return other


class Browser:
    """A running Chromium with a profile of its own."""

    def __init__(self) -> None:
        assert CHROMIUM is not None
        self._profile = tempfile.mkdtemp(prefix="fastext-chromium-")
        theirs_in, ours_out = map(_high, os.pipe())
        ours_in, theirs_out = map(_high, os.pipe())
        command = [sys.executable, "-c", _LAUNCHER, str(theirs_in), str(theirs_out), CHROMIUM,
                   *_ARGUMENTS, f"--user-data-dir={self._profile}", "about:blank"]  # fmt: skip
        self._process = subprocess.Popen(
            command, pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._out = ours_out
        self._numbers = count(1)
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self.pages: dict[str, Page] = {}
        self._reader = threading.Thread(target=self._read, args=(ours_in,), daemon=True)
        self._reader.start()

    def _read(self, descriptor: int) -> None:
        with open(descriptor, "rb") as stream:
            buffer = b""
            while chunk := stream.read1(65536):
                *messages, buffer = (buffer + chunk).split(b"\0")
                for message in map(json.loads, messages):
                    if "id" in message:
                        self._answers.pop(message["id"]).put(message)
                    elif message.get("sessionId") in self.pages:
                        self.pages[message["sessionId"]].heard(message)

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        answer = self._answers[number] = queue.Queue()
        message = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        told = answer.get(timeout=TIMEOUT_S)
        assert "error" not in told, (method, told)
        result: dict[str, Any] = told["result"]
        return result

    def page(self, width: int = 1280, height: int = 900) -> "Page":
        """An empty page that shares nothing with the others."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context,
                           width=width, height=height)["targetId"]  # fmt: skip
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session, context)
        for domain in ("Page", "Runtime", "Log", "Audits"):
            page.call(f"{domain}.enable")
        page.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)  # fmt: skip
        return page

    def stop(self) -> None:
        self.call("Browser.close")
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._out)
        self._reader.join(10)
        shutil.rmtree(self._profile, ignore_errors=True)


class Page:
    """`complaints` has what the browser says against the page: errors, violations, exceptions."""

    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self._browser = browser
        self._session = session
        self._context = context
        self.complaints: list[Any] = []

    def heard(self, message: dict[str, Any]) -> None:
        method, told = message["method"], message["params"]
        if method == "Audits.issueAdded":
            # Of a script that navigates while nobody has touched the page, as those of tests do.
            if "NavigationEntryMarkedSkippable" not in str(told):
                self.complaints.append(told)
        elif method == "Runtime.exceptionThrown" or (
            method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning")
        ):
            self.complaints.append(told)
        elif method == "Log.entryAdded":
            # Answers of 400 and above are for the page to mind; the browser logs them as errors.
            entry = told["entry"]
            if entry["level"] in ("error", "warning") and entry["source"] != "network":
                self.complaints.append(entry)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **parameters)

    def go(self, url: str) -> None:
        told = self.call("Page.navigate", url=url)
        assert "errorText" not in told, told
        self.until("document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """The value of JavaScript, as JSON has it."""
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                         awaitPromise=True)  # fmt: skip
        assert "exceptionDetails" not in told, (expression, told["exceptionDetails"])
        return told["result"].get("value")

    def until(self, expression: str) -> Any:
        """The value of JavaScript, when it is true."""
        ends_at = time.monotonic() + TIMEOUT_S
        while not (value := self.evaluate(expression)):
            shown = self.evaluate("document.body.innerText") if time.monotonic() > ends_at else ""
            assert time.monotonic() <= ends_at, f"never true: {expression}; on the page: {shown}"
            time.sleep(0.02)
        return value

    def text(self, selector: str) -> str:
        text = self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")
        assert isinstance(text, str)
        return text

    def see(self, text: str, selector: str = "body") -> None:
        """Return when the element is visible and shows `text`."""
        found = f"document.querySelector({json.dumps(selector)})"
        # What is not rendered has all its text as innerText.
        shows = f"{found}?.checkVisibility() && {found}.innerText.includes({json.dumps(text)})"
        self.until(shows)

    def press(self, *keys: str) -> None:
        for key in keys:
            code, number, text = _KEYS[key]
            about = {"key": key, "code": code, "windowsVirtualKeyCode": number}
            typed = {"text": text} if text else {}
            self.call("Input.dispatchKeyEvent", type="keyDown", **about, **typed)
            self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)

    def prefer(self, scheme: str) -> None:
        """`light` or `dark`, without animations."""
        features = [{"name": "prefers-color-scheme", "value": scheme},
                    {"name": "prefers-reduced-motion", "value": "reduce"}]  # fmt: skip
        self.call("Emulation.setEmulatedMedia", features=features)

    def screenshot(self, path: Path) -> None:
        image = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(image))

    def close(self) -> None:
        self._browser.call("Target.disposeBrowserContext", browserContextId=self._context)
