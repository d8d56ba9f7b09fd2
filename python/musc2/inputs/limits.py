"""Limits of the files that inputs are read from: regular, and not larger than is allowed."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from musc2.config import MAX_BYTES, MAX_PIXELS

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The most that one file may hold; None: no limit.

    pixels: of an image or a map; bytes: of the file, and of its values in memory.
    """

    pixels: int | None = MAX_PIXELS
    bytes: int | None = MAX_BYTES


DEFAULT = Limits()


def kind_of_special_file(path: Path) -> str | None:
    """Return what ``path`` is if reading it could block or not end; None for a regular file."""
    mode = path.stat().st_mode
    return None if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "no regular file")
