"""Files that are written whole or not at all."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.part")
_ABANDONED = 3600  # seconds without a write, after which no writer comes back


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file that takes the place of ``path`` when the block ends without an error.

    Until then, and after an error, ``path`` stays as it was. Two writers at once do not mix.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_abandoned(folder: Path) -> None:
    """Remove what writers that were killed left in ``folder``, not what others are writing."""
    for path in folder.glob(".*.part"):
        if not _TEMPORARY.fullmatch(path.name):
            continue
        try:
            is_abandoned = time.time() - path.stat().st_mtime > _ABANDONED
        except FileNotFoundError:  # its writer has just finished
            continue
        if is_abandoned:
            path.unlink(missing_ok=True)
