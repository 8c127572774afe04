"""A real browser, driven through two pipes: no port is opened, and nothing but the browser itself is needed."""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import define, field

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
WAIT_S: Final = 60


def found() -> str | None:
    """Find a browser of the Chromium family."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


@define
class Page:
    """One page of the browser; messages are as in the Chrome DevTools Protocol."""

    to: int
    back: int
    session: str = ""
    complaints: list[str] = field(factory=list)
    _number: int = 0
    _read: bytes = b""

    def open(self, path: Path) -> None:
        """Open a file, and wait until it is there."""
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.js("new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))")

    def js(self, code: str) -> Any:  # noqa: ANN401 - whatever the code gives
        """Run code in the page and give its value."""
        answer = self.call("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, selector: str) -> None:
        """Click in the middle of an element, as a person does with the mouse."""
        self.js(f"document.querySelector({selector!r}).scrollIntoView({{block: 'center'}})")
        box = f"document.querySelector({selector!r}).getBoundingClientRect()"
        x, y = self.js(f"(b => [b.x + b.width / 2, b.y + b.height / 2])({box})")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def write(self, selector: str, text: str) -> None:
        """Write into a field."""
        self.press(selector)
        self.call("Input.insertText", text=text)
        self.js("document.activeElement.blur()")

    def call(self, method: str, **params: object) -> Any:  # noqa: ANN401 - the protocol's
        """Send a message and wait for its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def _next(self) -> Mapping[str, Any]:
        """Read a message; complaints of the page, such as a script that its policy forbids, are kept."""
        while b"\0" not in self._read:
            block = os.read(self.back, 1 << 16)
            assert block, "the browser has gone"
            self._read += block
        line, _, self._read = self._read.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        if message.get("method") in {"Log.entryAdded", "Runtime.exceptionThrown"}:
            self.complaints.append(json.dumps(message["params"]))
        return message


@contextmanager
def browser(folder: Path, *, downloads: Path) -> Iterator[Page]:
    """Start a browser with a profile of its own in a folder, and give its page."""
    to_browser, from_us = os.pipe()
    from_browser, to_us = os.pipe()
    quiet = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
    theirs = [fcntl.fcntl(pipe, fcntl.F_DUPFD, 10) for pipe in (to_browser, to_us)]  # clear of 3 and 4
    command = [str(found()), *quiet, "--remote-debugging-pipe", f"--user-data-dir={folder}", "about:blank"]
    shell = f'exec 3<&{theirs[0]} 4>&{theirs[1]}; exec "$@"'
    process = subprocess.Popen(
        ["/bin/bash", "-c", shell, "browser", *command],
        pass_fds=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for pipe in (to_browser, to_us, *theirs):
        os.close(pipe)
    try:
        page = Page(to=from_us, back=from_browser)
        target = next(one for one in page.call("Target.getTargets")["targetInfos"] if one["type"] == "page")
        page.session = ""
        page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads), eventsEnabled=True)
        page.session = page.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for part in ("Page", "Runtime", "Log"):
            page.call(f"{part}.enable")
        yield page
        page.session = ""
        page.call("Browser.close")
        process.wait(WAIT_S)
    finally:
        process.kill()
        process.wait(WAIT_S)
        os.close(from_us)
        os.close(from_browser)
