"""Safe paths from the names that users, tables and folders give; folders that take files."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from musc2 import checks
from musc2.errors import InputError

_LONGEST = 255  # bytes of a path component in all common file systems
_NOT_PLAIN = re.compile(r"[/\\\0]|^[A-Za-z]:")  # separators, and the drives of Windows


def check_component(op: str, subject: str, name: object, *, ending: str = "") -> str:
    """Return ``name`` if ``name + ending`` can be one component of a path on every system."""
    if not isinstance(name, str):
        _refuse(op, subject, "a string", name)
    if name in ("", ".", "..") or _NOT_PLAIN.search(name):
        _refuse(op, subject, "one plain path component", name)
    try:
        size = len(os.fsencode(name + ending))
    except UnicodeEncodeError:
        _refuse(op, subject, "text that the file system can encode", name)
    if size > _LONGEST:
        _refuse(op, subject, f"at most {_LONGEST - len(os.fsencode(ending))} bytes long", name)
    return name


def below(op: str, subject: str, folder: Path, name: str, *, ending: str = "") -> Path:
    """Return the path of ``name + ending`` below ``folder``; "good/000" lies in a subfolder."""
    *subfolders, last = name.split("/")
    if subfolders:
        subject = f"each component of {subject} {_shortened(name)}"
    for subfolder in subfolders:
        check_component(op, subject, subfolder)
    check_component(op, subject, last, ending=ending)
    return folder.joinpath(*subfolders, last + ending)


def check_writable(folder: Path) -> None:
    """Raise unless files can be written into ``folder``, which need not be there.

    Nothing stays of the attempt: a call that fails later leaves no empty folder.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".musc2-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        msg = f"--out must be a folder that can be written to, got {folder}: {error.strerror}"
        raise InputError(msg) from error
    with suppress(OSError):  # another process may have begun to write there
        for made in missing:
            made.rmdir()


def _shortened(name: object) -> str:
    text = repr(name)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _refuse(op: str, subject: str, requirement: str, name: object) -> NoReturn:
    checks.refuse(op, subject, f"must be {requirement}", _shortened(name))
