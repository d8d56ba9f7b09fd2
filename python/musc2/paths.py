"""Safe paths from names of users, tables and folders, and files written whole or not at all."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn

from musc2.errors import InputError

_LONGEST = 255  # bytes of a path component in all common file systems
_NOT_PLAIN = re.compile(r"[/\\\0]|^[A-Za-z]:")  # separators, and the drives of Windows


def check_component(op: str, what: str, name: object, *, ending: str = "") -> str:
    """Return ``name`` if ``name + ending`` can be one component of a path on every system."""
    if not isinstance(name, str):
        _refuse(op, what, "a string", name)
    if name in ("", ".", "..") or _NOT_PLAIN.search(name):
        _refuse(op, what, "one plain path component", name)
    try:
        size = len(os.fsencode(name + ending))
    except UnicodeEncodeError:
        _refuse(op, what, "text that the file system can encode", name)
    if size > _LONGEST:
        _refuse(op, what, f"at most {_LONGEST - len(os.fsencode(ending))} bytes long", name)
    return name


def below(op: str, what: str, folder: Path, name: str, *, ending: str = "") -> Path:
    """Return the path of ``name + ending`` below ``folder``; "good/000" lies in a subfolder."""
    *subfolders, last = name.split("/")
    if subfolders:
        what = f"each component of {what} {_shortened(name)}"
    for subfolder in subfolders:
        check_component(op, what, subfolder)
    check_component(op, what, last, ending=ending)
    return folder.joinpath(*subfolders, last + ending)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of ``path`` when the block ends without an error."""
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with unfinished.open("xb") as file:
            yield file
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _shortened(name: object) -> str:
    text = repr(name)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _refuse(op: str, what: str, wanted: str, name: object) -> NoReturn:
    msg = f"{op}: {what} must be {wanted}, got {_shortened(name)}"
    raise InputError(msg)
