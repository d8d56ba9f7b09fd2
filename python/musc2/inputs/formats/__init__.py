"""Read one array or point cloud from a tiff, npy, npz, pcd or ply file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from musc2.inputs.formats import npy, pcd, ply, tiff
from musc2.inputs.sample import Label

__all__ = ["CLOUDS", "NUMPY", "TIFF", "read"]

TIFF = (".tif", ".tiff")
NUMPY = (".npy", ".npz")
CLOUDS = (".pcd", ".ply")


def read(path: Path, label: Label) -> np.ndarray[Any, Any]:
    """Return the array in a file of one of the formats above."""
    ending = path.suffix.lower()
    if ending in NUMPY:
        return npy.read(path, label)
    if ending == ".pcd":
        return pcd.read(path, label)
    if ending == ".ply":
        return ply.read(path, label)
    return tiff.read(path, label)
