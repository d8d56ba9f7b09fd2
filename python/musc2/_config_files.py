"""Settings in .toml and .json files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from musc2 import _toml, atomic_files, checks


def write(path: Path, values: Mapping[str, Any]) -> None:
    """Write settings in the format of the ending of ``path``, whole or not at all."""
    text = json.dumps(values, indent=2) + "\n" if _is_json(path) else _toml.dumps(values)
    with atomic_files.replacing(path) as file:
        file.write(text.encode())


def read(path: Path) -> dict[str, Any]:
    """Return the settings in a file by name, not checked."""
    is_json = _is_json(path)
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text) if is_json else _toml.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        checks.refuse("Config", str(path), "must be a readable file of settings", error)
    if not isinstance(values, dict):
        checks.refuse("Config", str(path), "must hold names and values", type(values).__name__)
    return values


def _is_json(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix not in (".toml", ".json"):
        checks.refuse("Config", str(path), "must end in .toml or .json", suffix or "no ending")
    return suffix == ".json"
