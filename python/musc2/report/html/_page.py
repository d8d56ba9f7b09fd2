"""The page of the report from its template, styles and scripts."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_HERE = Path(__file__).parent
STYLES = ("page.css", "list.css", "detail.css")
# In the order in which they use each other; together they are one script.
SCRIPTS = (
    "data.js",
    "colors.js",
    "decisions.js",
    "histogram.js",
    "pictures.js",
    "renderer.js",
    "scans.js",
    "matches.js",
    "list.js",
    "main.js",
)


def render(context: dict[str, Any]) -> str:
    """Return the page. Its policy allows the script and the style by their hashes, no network."""
    script, style = _joined(SCRIPTS), _joined(STYLES)
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src 'sha256-{_hash(script)}'",
            f"style-src 'sha256-{_hash(style)}'",
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("index.html.jinja")
    return page.render(
        **context,
        policy=policy,
        script=Markup(script),
        style=Markup(style),
    )


def _joined(names: tuple[str, ...]) -> str:
    texts = [(_HERE / "assets" / name).read_text(encoding="utf-8") for name in names]
    joined = "\n".join(texts)
    if names is SCRIPTS:
        return f'(() => {{\n"use strict";\n{joined}\n}})();\n'
    return joined


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
