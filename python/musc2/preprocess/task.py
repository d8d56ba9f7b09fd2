"""One part to preprocess: the files to read and the files to write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from musc2 import checks

OP = "preprocess"


@dataclass(frozen=True, kw_only=True)
class Task:
    """The files of one part by their content: "rgb", "xyz" and so on."""

    category: str
    inputs: dict[str, Path]
    outputs: dict[str, Path]

    @property
    def is_finished(self) -> bool:
        """Return whether all outputs exist; files get their names when they are complete."""
        return all(path.is_file() for path in self.outputs.values())


def require_file(path: Path, companion: Path) -> Path:
    """Return ``path``; raise unless it exists as ``companion`` does."""
    if not path.is_file():
        checks.refuse(OP, f"{companion}", f"must have {path.name} in {path.parent}", "none")
    return path
