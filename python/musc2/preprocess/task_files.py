"""Read and write the files of a task; errors name the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from musc2 import checks
from musc2.atomic_files import replacing
from musc2.errors import InputError
from musc2.inputs import Label, formats
from musc2.preprocess.task import OP

Array = np.ndarray[Any, Any]
T = TypeVar("T")


def read_xyz(path: Path) -> Array:
    """Return an xyz map (H, W, 3) float32, 0 where a point is missing."""
    stored = _read(path, lambda: formats.read(path, Label(op=OP, text=str(path))))
    if stored.ndim != 3 or stored.shape[2] != 3 or stored.dtype.kind not in "fiu":
        got = f"{stored.dtype} of shape {stored.shape}"
        checks.refuse(OP, f"{path}", "must be an xyz map (H, W, 3)", got)
    xyz = stored.astype(np.float32)
    xyz[~np.isfinite(xyz).all(axis=2)] = 0
    if not xyz[:, :, 2].any():
        checks.refuse(OP, f"{path}", "must have points with z other than 0", "none")
    return xyz


def read_image(path: Path) -> Array:
    """Return an image as it is stored: (H, W), or (H, W, 3) uint8 for colors."""

    def pixels() -> Array:
        with Image.open(path) as image:
            has_one_channel = image.mode in ("1", "L") or image.mode.startswith("I")
            return np.array(image if has_one_channel else image.convert("RGB"))

    return _read(path, pixels)


def read_text(path: Path) -> str:
    """Return the text of a file."""
    return _read(path, path.read_text)


def _read(path: Path, read: Callable[[], T]) -> T:
    """Return the value of ``read``; any exception becomes an InputError that names the file."""
    try:
        return read()
    except (InputError, MemoryError):
        raise
    except Exception as error:
        msg = f"{OP}: {path} must be readable, got {type(error).__name__}: {error}"
        raise InputError(msg) from error


def write_xyz(path: Path, xyz: Array) -> None:
    """Write (H, W, 3) float32 as tiff, whole or not at all."""
    import tifffile  # here, because it is slow to import

    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        tifffile.imwrite(file, xyz, photometric="rgb")


def write_image(path: Path, pixels: Array) -> None:
    """Write (H, W, 3) or (H, W) as png, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        Image.fromarray(pixels).save(file, format="PNG")


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(text.encode())


def remove_unfinished(folder: Path) -> None:
    """Remove the files that an interrupted call left below ``folder`` before they were complete."""
    for path in folder.rglob(".????????????????.part"):  # named by musc2.atomic_files
        path.unlink()
