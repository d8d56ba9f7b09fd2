"""Drive Debian's Chromium over its debugging pipe, with nothing but the standard library."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    # WebGL alone is drawn by SwiftShader; the rest of the page is faster without.
    "--disable-gpu-compositing",
    "--disable-gpu-rasterization",
    "--disable-accelerated-2d-canvas",
    "--disable-gpu-vsync",
    "--disable-frame-rate-limit",
    "--remote-debugging-pipe",
]
KEYS = {
    "ArrowDown": ("ArrowDown", 40, ""),
    "ArrowUp": ("ArrowUp", 38, ""),
    "ArrowRight": ("ArrowRight", 39, ""),
    "Enter": ("Enter", 13, "\r"),
    "Escape": ("Escape", 27, ""),
    "Tab": ("Tab", 9, ""),
}


class Browser:
    """One page of a browser. It keeps what a test must not see: errors, console lines, requests."""

    def __init__(self, profile: Path, *flags: str) -> None:
        # Chromium reads commands from its file 3 and writes answers and events to its file 4.
        command_end, self._out = os.pipe()
        self._in, answer_end = os.pipe()
        redirected = f'exec "$@" 3<&{command_end} 4>&{answer_end}'
        command = ["bash", "-c", redirected, "bash", CHROMIUM, *FLAGS, *flags]
        self._process = subprocess.Popen(
            [*command, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(command_end, answer_end),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(command_end)
        os.close(answer_end)
        self._count = 0
        self._rest = b""
        self._session = None
        self.problems: list[str] = []
        self.requests: list[str] = []
        targets = self._call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        arguments = {"targetId": page["targetId"], "flatten": True}
        self._session = self._call("Target.attachToTarget", **arguments)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def close(self) -> None:
        """End the browser."""
        try:
            self._session = None
            self._call("Browser.close")
            self._process.wait(5)
        except (OSError, subprocess.TimeoutExpired, TimeoutError):
            self._process.kill()
            self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def open(self, path: Path, *, width: int = 1100, height: int = 700, **media: str) -> None:
        """Open a file and wait for the page to be ready."""
        self.size(width, height)
        features = [
            {"name": name.replace("_", "-"), "value": value} for name, value in media.items()
        ]
        self._call("Emulation.setEmulatedMedia", features=features)
        self.problems.clear()
        self.requests.clear()
        self._call("Page.navigate", url="about:blank")
        self._call("Page.navigate", url=path.as_uri())
        self.wait("document.documentElement.dataset.ready > 0")

    def size(self, width: int, height: int) -> None:
        """Set the size of the page."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", **metrics)

    def scripts(self, allowed: bool) -> None:
        """Switch JavaScript off or on, from the next page on."""
        self._call("Emulation.setScriptExecutionDisabled", value=not allowed)

    def run(self, expression: str):
        """Return the value of a JavaScript expression; promises are awaited."""
        arguments = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        answer = self._call("Runtime.evaluate", **arguments)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 10.0) -> None:
        """Wait until a JavaScript expression is true; the page checks it once a frame."""
        program = f"""new Promise((resolve) => {{
            const end = performance.now() + {1000 * seconds};
            const check = () => {{
                if ({condition}) resolve(true);
                else if (performance.now() > end) resolve(false);
                else requestAnimationFrame(check);
            }};
            check();
        }})"""
        for _ in range(20):  # a navigation in between ends the page and its promises
            try:
                assert self.run(program), f"not true in {seconds} s: {condition}"
            except RuntimeError:
                continue
            return
        raise TimeoutError(condition)

    def press(self, key: str) -> None:
        """Press and release a key."""
        name, code, text = KEYS[key] if key in KEYS else (key, ord(key.upper()), key)
        event = {"key": name, "code": name, "windowsVirtualKeyCode": code}
        down = {"text": text} if text else {}
        self._call("Input.dispatchKeyEvent", type="keyDown", **event, **down)
        self._call("Input.dispatchKeyEvent", type="keyUp", **event)

    def click(self, selector: str) -> None:
        """Click the middle of an element."""
        self._call(
            "Input.dispatchMouseEvent", **self._mouse("mousePressed", *self.middle(selector))
        )
        x, y = self.middle(selector)
        self._call("Input.dispatchMouseEvent", **self._mouse("mouseReleased", x, y))

    def drag(self, selector: str, dx: float, dy: float) -> None:
        """Drag from the middle of an element with the left button."""
        x, y = self.middle(selector)
        for kind, step in (("mousePressed", 0), ("mouseMoved", 0.5), ("mouseMoved", 1)):
            self._call(
                "Input.dispatchMouseEvent", **self._mouse(kind, x + step * dx, y + step * dy)
            )
        self._call("Input.dispatchMouseEvent", **self._mouse("mouseReleased", x + dx, y + dy))

    def touch(self, selector: str, dx: float, dy: float) -> None:
        """Drag with one finger."""
        x, y = self.middle(selector)
        for kind, step in (("touchStart", 0), ("touchMove", 0.5), ("touchMove", 1)):
            points = [{"x": x + step * dx, "y": y + step * dy}]
            self._call("Input.dispatchTouchEvent", type=kind, touchPoints=points)
        self._call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def middle(self, selector: str) -> tuple[float, float]:
        """Return the middle of an element, scrolled into view."""
        x, y = self.run(
            f"""(() => {{
            const node = document.querySelector({json.dumps(selector)});
            node.scrollIntoView({{ block: "center" }});
            const box = node.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];
        }})()"""
        )
        return x, y

    def screenshot(self, path: Path | None = None, *, whole: bool = False) -> bytes:
        """Return a PNG of what is seen, or of the whole page; write it to a file."""
        answer = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        content = base64.b64decode(answer["data"])
        if path is not None:
            path.write_bytes(content)
        return content

    def call(self, method: str, **arguments):
        """Send a command of the debugging protocol."""
        return self._call(method, **arguments)

    @staticmethod
    def _mouse(kind: str, x: float, y: float) -> dict:
        buttons = 0 if kind == "mouseReleased" else 1
        return {"type": kind, "x": x, "y": y, "button": "left", "buttons": buttons, "clickCount": 1}

    def _call(self, method: str, **arguments):
        self._count += 1
        message = {"id": self._count, "method": method, "params": arguments}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == message["id"]:
                if "error" in answer:
                    msg = f"{method}: {answer['error']}"
                    raise RuntimeError(msg)
                return answer["result"]
            self._note(answer)

    def _receive(self, seconds: float = 30.0) -> dict:
        end = time.monotonic() + seconds
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0, end - time.monotonic()))
            if not ready:
                msg = "the browser does not answer"
                raise TimeoutError(msg)
            content = os.read(self._in, 1 << 20)
            if not content:
                msg = "the browser has ended"
                raise TimeoutError(msg)
            self._rest += content
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def _note(self, event: dict) -> None:
        method, values = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(values["exceptionDetails"])[:600])
        elif method == "Runtime.consoleAPICalled":
            self.problems.append(json.dumps(values["args"])[:600])
        elif method == "Log.entryAdded":
            text = values["entry"]["text"]
            if "GL Driver Message" not in text and "GL-0x" not in text:  # SwiftShader's own advice
                self.problems.append(text)
        elif method == "Network.requestWillBeSent":
            self.requests.append(values["request"]["url"])
