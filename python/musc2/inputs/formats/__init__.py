"""Read one array, cloud or mesh from a file, by its ending."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from musc2.inputs.formats import npy, obj, off, pcd, ply, stl, text_points, tiff
from musc2.inputs.sample import Label

__all__ = ["AMBIGUOUS", "CLOUDS", "NUMPY", "TIFF", "read"]

TIFF = (".tif", ".tiff")
NUMPY = (".npy", ".npz")
CLOUDS = (".pcd", ".ply", ".xyz", ".asc", ".pts", ".stl", ".obj", ".off", ".csv", ".txt")
AMBIGUOUS = (".csv", ".txt")  # tables and notes beside scans, as often as scans
_READERS: dict[str, Callable[[Path, Label], np.ndarray[Any, Any]]] = {
    **dict.fromkeys(TIFF, tiff.read),
    **dict.fromkeys(NUMPY, npy.read),
    **dict.fromkeys(text_points.ENDINGS, text_points.read),
    ".pcd": pcd.read,
    ".ply": ply.read,
    ".stl": stl.read,
    ".obj": obj.read,
    ".off": off.read,
}


def read(path: Path, label: Label) -> np.ndarray[Any, Any]:
    """Return the array in a file of one of the formats above."""
    return _READERS.get(path.suffix.lower(), tiff.read)(path, label)
