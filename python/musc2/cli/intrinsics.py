"""The option --intrinsics: four numbers, or a file that holds them or the 3 x 3 matrix."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NoReturn

from musc2.errors import InputError

_NAMES = ("fx", "fy", "cx", "cy")
_MAX_BYTES = 1 << 16
_FORMS = "fx,fy,cx,cy, or a file with these four numbers, the 3 x 3 matrix, or JSON with the names"


def parse(option: str | None) -> list[float] | list[list[float]] | None:
    """Return the intrinsics that an option stands for, as ``score`` takes them."""
    if option is None:
        return None
    text = _text(option)
    numbers = _numbers(text, option)
    if len(numbers) == 9:
        return [numbers[0:3], numbers[3:6], numbers[6:9]]
    if len(numbers) != 4:
        _refuse(f"{len(numbers)} numbers in {option!r}")
    return numbers


def _text(option: str) -> str:
    path = Path(option)
    try:
        if not path.is_file():
            return option
        if path.stat().st_size > _MAX_BYTES:
            _refuse(f"a file of {path.stat().st_size} bytes")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        _refuse(f"{option!r}: {error}")


def _numbers(text: str, option: str) -> list[float]:
    try:
        if text.lstrip().startswith("{"):
            values = json.loads(text)
            return list(map(float, map(values.__getitem__, _NAMES)))
        return list(map(float, re.sub(r"[\[\](),;]", " ", text).split()))
    except KeyError as error:
        _refuse(f"{option!r} without {error}")
    except (TypeError, ValueError):
        _refuse(repr(option))


def _refuse(got: str) -> NoReturn:
    msg = f"--intrinsics must be {_FORMS}, got {got}"
    raise InputError(msg)
