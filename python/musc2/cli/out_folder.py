"""The folder of --out, looked at before the work."""

from __future__ import annotations

import os
from pathlib import Path

from musc2.errors import InputError


def check_writable(folder: Path) -> None:
    """Raise unless files can be written into ``folder``, which is made if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".musc2-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        msg = f"--out must be a folder that can be written to, got {folder}: {error.strerror}"
        raise InputError(msg) from error
