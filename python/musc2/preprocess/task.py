"""One part to prepare: which files are read, and which are written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from musc2.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Task:
    """``reads`` and ``writes``: files by what is in them, "rgb", "xyz" and so on."""

    category: str
    reads: dict[str, Path]
    writes: dict[str, Path]

    @property
    def finished(self) -> bool:
        """Whether all that it writes is there; files take their names when they are complete."""
        return all(path.is_file() for path in self.writes.values())


def refuse(what: object, wanted: str, got: object) -> NoReturn:
    """Raises the error that says what is wrong with ``what``."""
    msg = f"preprocess: {what} {wanted}, got {got}"
    raise InputError(msg)


def require(path: Path, beside: Path) -> Path:
    """``path``, which must exist as ``beside`` does."""
    if not path.is_file():
        refuse(beside, f"must have {path.name} in {path.parent}", "none")
    return path


def shown(names: Iterable[str]) -> str:
    """What is in a folder, in few words."""
    found = sorted(names)
    return ", ".join(found[:12]) + (f" and {len(found) - 12} more" if len(found) > 12 else "") or "an empty folder"
