"""A real Chromium without a window, spoken to over its own debugging protocol."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any
from urllib.request import urlopen

from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PATIENCE_SECONDS = 40.0


@dataclass
class Page:
    """One tab."""

    socket: ClientConnection
    number: int = 0

    def ask(self, method: str, **params: Any) -> Any:
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while True:
            told = json.loads(self.socket.recv(timeout=PATIENCE_SECONDS))
            if told.get("id") == self.number:
                assert "error" not in told, told
                return told["result"]

    def run(self, script: str) -> Any:
        """The value of an expression of the page."""
        told = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        return told["result"].get("value")

    def go(self, url: str) -> None:
        self.ask("Page.navigate", url=url)

    def text(self) -> str:
        return str(self.run("document.body ? document.body.innerText : ''"))

    def type_into(self, selector: str, text: str) -> None:
        self.wait_for(lambda: bool(self.run(f"!!document.querySelector({selector!r})")), selector)
        self.run(f"document.querySelector({selector!r}).focus()")
        self.ask("Input.insertText", text=text)

    def click(self, script: str) -> None:
        """Clicks, as a mouse does, on the element that an expression finds."""
        self.wait_for(lambda: bool(self.run(f"!!({script})")), script)
        self.run(f"({script}).scrollIntoView({{block: 'center'}})")
        x, y = self.run(f"(b => [b.x + b.width / 2, b.y + b.height / 2])(({script}).getBoundingClientRect())")
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def wait_for(self, ready: Callable[[], bool], what: str) -> None:
        for _ in range(int(PATIENCE_SECONDS * 5)):
            if ready():
                return
            Event().wait(0.2)
        raise AssertionError(f"no {what} within {PATIENCE_SECONDS:.0f} s; the page says:\n{self.text()[:2000]}")

    def press_enter(self) -> None:
        for kind in ("keyDown", "keyUp"):
            self.ask(
                "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r"
            )

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=False)["data"]))


@contextmanager
def browse(folder: Path) -> Iterator[Page]:
    """A page of a browser with a profile of its own."""
    assert CHROMIUM
    options = (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--remote-debugging-port=0",
        "--window-size=1400,1300",
    )
    command = [CHROMIUM, *options, f"--user-data-dir={folder}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port_file = folder / "DevToolsActivePort"
        for _ in range(200):
            if port_file.exists() and port_file.read_text().strip():
                break
            Event().wait(0.1)
        port = port_file.read_text().splitlines()[0]
        with urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
            (target,) = [one for one in json.loads(answer.read()) if one["type"] == "page"]
        with connect(target["webSocketDebuggerUrl"], max_size=None) as socket:
            page = Page(socket)
            page.ask("Page.enable")
            yield page
    finally:
        process.terminate()
        process.wait()
