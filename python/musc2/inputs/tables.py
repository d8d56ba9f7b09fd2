"""Files that hold one array or one cloud: tiff, npy, npz, pcd, ply."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from musc2.inputs import numpy_files, pcd, ply, records

TIFF = (".tif", ".tiff")
NUMPY = (".npy", ".npz")
CLOUDS = (".pcd", ".ply")
_TIFF_RATIO = 4096  # more than any compression of real scans reaches


def read(path: Path, label: str) -> np.ndarray[Any, Any]:
    """The array in a file of one of the formats above."""
    ending = path.suffix.lower()
    if ending in NUMPY:
        return numpy_files.read(path, label)
    if ending in CLOUDS:
        return pcd.read(path, label) if ending == ".pcd" else ply.read(path, label)
    return read_tiff(path, label)


def read_tiff(path: Path, label: str) -> np.ndarray[Any, Any]:
    """The first series of a tiff file."""
    import tifffile  # here, because it is slow to import

    data = path.read_bytes()  # from memory, as in containers.opened
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        series = file.series[0]
        ratio = 1 if series.keyframe.compression == tifffile.COMPRESSION.NONE else _TIFF_RATIO
        records.require(series.nbytes, ratio * len(data), label)
        found: np.ndarray[Any, Any] = series.asarray()
    return found
