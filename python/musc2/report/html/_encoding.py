"""Pictures and arrays as text that a page can hold."""

from __future__ import annotations

import base64
import io
import json
import zlib
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

# What could end a script element, or a line of JavaScript, is written as its code.
_ESCAPES = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


def as_json(value: Any) -> Markup:
    """Return JSON that is safe inside a script element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character, code in _ESCAPES.items():
        text = text.replace(character, code)
    return Markup(text)


def jpeg(picture: NDArray[np.uint8], quality: int) -> str:
    """picture: (H, W, 3) -> the JPEG in base64."""
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=quality, optimize=True)
    return base64.b64encode(content.getvalue()).decode("ascii")


def deflated(*arrays: NDArray[Any]) -> str:
    """Return the bytes of arrays, one after the other, deflated (zlib), in base64."""
    content = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
    return base64.b64encode(zlib.compress(content, 6)).decode("ascii")


def encodable(text: object) -> str:
    """Return text that UTF-8 can encode: half surrogates, as in undecodable names, become "?"."""
    return str(text).encode("utf-8", "replace").decode("utf-8")
