"""Zip archives of arrays, as numpy and torch write them, checked before they are unpacked."""

from __future__ import annotations

import zipfile
from pathlib import Path

from musc2 import checks

_LARGEST_RATIO = 100  # of arrays that hold numbers, not one number again and again


def check_ratio(op: str, subject: str, path: Path) -> None:
    """Raise if an archive would unpack to much more than its size; pass any other file."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    most = _LARGEST_RATIO * path.stat().st_size
    if unpacked > most:
        requirement = f"must unpack to at most {_LARGEST_RATIO} times its size, {most} bytes"
        checks.refuse(op, subject, requirement, f"{unpacked} in {path}")
