"""Run the commands of docs/guide/quickstart.md and put what they print and show into the page.

python docs/make_quickstart.py

A block of sh that a block of text follows is run, in order, in an empty folder; the text becomes
its output. The pictures are screenshots of the report that the page writes; they need chromium.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/guide/quickstart.md"
STEP = re.compile(r"^```sh\n(?P<commands>.*?)^```\n\n```text\n.*?^```", re.MULTILINE | re.DOTALL)
LINES = 18  # of the output of a command


def main() -> None:
    """Write the page and its pictures."""
    with tempfile.TemporaryDirectory() as folder:
        page = STEP.sub(lambda step: _run(step["commands"], Path(folder)), PAGE.read_text("utf-8"))
        PAGE.write_text(page, encoding="utf-8")
        _photograph(Path(folder) / "out/index.html", PAGE.parent)


def _run(commands: str, folder: Path) -> str:
    """Run commands in a folder; return them as the page shows them, with their output."""
    shown = [f"```sh\n{commands}```\n\n```text"]
    for command in commands.splitlines():
        words = command.split("#")[0].split()
        if words[0] != "musc2":
            message = f"only musc2 is run, not {words[0]}"
            raise ValueError(message)
        run = subprocess.run(
            [sys.executable, "-m", "musc2", *words[1:]],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
            env={**os.environ, "COLUMNS": "100"},
        )
        shown += _shortened(run.stdout.replace(str(folder), ".").splitlines())
    return "\n".join([*shown, "```"])


def _shortened(lines: list[str]) -> list[str]:
    """Return the lines, wrapped, the middle ones of many as an ellipsis."""
    lines = [
        part for line in lines for part in textwrap.wrap(line, 100, break_on_hyphens=False) or [""]
    ]
    if len(lines) <= LINES:
        return lines
    return [*lines[: LINES - 5], "...", *lines[-4:]]


def _photograph(report: Path, folder: Path) -> None:
    """Write screenshots: the report as it opens, and a part after it was decided on."""
    sys.path.insert(0, str(ROOT / "tests/report"))
    from browser import Browser

    profile = tempfile.mkdtemp()
    browser = Browser(Path(profile))
    try:
        browser.open(report, width=1280, height=820, prefers_color_scheme="light")
        _save(browser.screenshot(), folder / "quickstart-open.jpg")
        browser.press("b")
        browser.drag("#scan-score", 40, 30)
        _save(browser.screenshot(), folder / "quickstart-decide.jpg")
    finally:
        browser.close()
        shutil.rmtree(profile, ignore_errors=True)


def _save(screenshot: bytes, path: Path) -> None:
    Image.open(io.BytesIO(screenshot)).convert("RGB").save(path, quality=80, optimize=True)


if __name__ == "__main__":
    main()
