"""Settings as TOML: tomllib reads, and a dozen lines write what ``Config`` holds."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]


def loads(text: str) -> dict[str, Any]:
    """Return the values in ``text``; ValueError where it is no TOML."""
    values: dict[str, Any] = tomllib.loads(text)
    return values


def dumps(values: Mapping[str, Any]) -> str:
    """Return a line per value. TOML knows no null: None is written as "none"."""
    return "".join(f"{name} = {_value(value)}\n" for name, value in values.items())


def _value(value: Any) -> str:
    if value is None:
        return '"none"'
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value)
