"""Reading what a task reads, with errors that name the file; writing so that a file is there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from musc2.errors import InputError
from musc2.inputs import Label, formats
from musc2.preprocess.task import refuse

Array = np.ndarray[Any, Any]
T = TypeVar("T")


def read_xyz(path: Path) -> Array:
    """(H, W, 3) float32, 0 where there is nothing."""
    found = _read(path, lambda: formats.read(path, Label(op="preprocess", text=str(path))))
    if found.ndim != 3 or found.shape[2] != 3 or found.dtype.kind not in "fiu":
        refuse(path, "must be an xyz map (H, W, 3)", f"{found.dtype} of shape {found.shape}")
    xyz = found.astype(np.float32)
    xyz[~np.isfinite(xyz).all(axis=2)] = 0
    if not xyz[:, :, 2].any():
        refuse(path, "must have points with z other than 0", "none")
    return xyz


def read_picture(path: Path) -> Array:
    """(H, W, 3) uint8, or (H, W) as it is stored."""

    def pixels() -> Array:
        with Image.open(path) as image:
            plain = image.mode in ("1", "L") or image.mode.startswith("I")
            return np.array(image if plain else image.convert("RGB"))

    return _read(path, pixels)


def read_text(path: Path) -> str:
    """What is written there."""
    return _read(path, path.read_text)


def _read(path: Path, read: Callable[[], T]) -> T:
    """What is there. Whatever a damaged file makes its reader raise becomes an error that names it."""
    try:
        return read()
    except (InputError, MemoryError):
        raise
    except Exception as error:
        msg = f"preprocess: {path} must be readable, got {type(error).__name__}: {error}"
        raise InputError(msg) from error


def write_xyz(path: Path, xyz: Array) -> None:
    """(H, W, 3) float32 as tiff."""
    import tifffile  # here, because it is slow to import

    _write(path, lambda unfinished: tifffile.imwrite(unfinished, xyz, photometric="rgb"))


def write_picture(path: Path, pixels: Array) -> None:
    """(H, W, 3) or (H, W) as png."""
    _write(path, lambda unfinished: Image.fromarray(pixels).save(unfinished, format="PNG"))


def write_text(path: Path, text: str) -> None:
    """``text`` as a file."""
    _write(path, lambda unfinished: unfinished.write_text(text))


def _write(path: Path, write: Callable[[Path], object]) -> None:
    """Gives the file its name when it is complete. What a killed run left behind is overwritten by the next one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    try:
        write(unfinished)
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
