"""Make the pictures of docs/guide/report.md: python tests/report/screenshots.py docs/guide."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from browser import Browser
from PIL import Image

import musc2


def save(screenshot: bytes, path: Path) -> None:
    """Write a screenshot as a JPEG."""
    Image.open(io.BytesIO(screenshot)).convert("RGB").save(path, quality=80, optimize=True)


def main(folder: Path) -> None:
    """Score generated parts, open their report and write its pictures."""
    parts = musc2.datasets.synthetic.parts(40, size=448, defective=0.2)
    names = [f"plate {index:03}" for index in range(len(parts))]
    result = musc2.score(
        parts.rgb, parts.xyz, encoder_2d="texture", encoder_3d="shape", names=names
    )
    with tempfile.TemporaryDirectory() as temporary:
        page = result.report(temporary)
        browser = Browser(Path(temporary) / "profile")
        try:
            browser.open(page, width=1440, height=960, prefers_color_scheme="light")
            save(browser.screenshot(), folder / "report.jpg")
            browser.open(page, width=1440, height=960, prefers_color_scheme="dark")
            browser.drag("#scan-score", 40, 30)
            browser.run("window.scrollTo(0, 0)")
            browser.run("document.querySelector('#detail').scrollTop = 1e6")
            browser.wait("document.querySelector('#detail').scrollTop > 0")
            save(browser.screenshot(), folder / "report-dark.jpg")
            browser.open(page, width=390, height=844, prefers_color_scheme="light")
            phone = browser.screenshot()
            browser.click("#rows tr .name")
            browser.wait("document.querySelector('#detail').dataset.shown")
            save(_side_by_side(phone, browser.screenshot()), folder / "report-phone.jpg")
        finally:
            browser.close()


def _side_by_side(*screenshots: bytes) -> bytes:
    pictures = [Image.open(io.BytesIO(content)).convert("RGB") for content in screenshots]
    gap = 24
    width = sum(picture.width for picture in pictures) + gap * (len(pictures) - 1)
    joined = Image.new("RGB", (width, pictures[0].height), "white")
    left = 0
    for picture in pictures:
        joined.paste(picture, (left, 0))
        left += picture.width + gap
    content = io.BytesIO()
    joined.save(content, "PNG")
    return content.getvalue()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
