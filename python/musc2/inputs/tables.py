"""Files that hold one array: tiff, npy, npz."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from musc2.inputs.sources import refuse

TIFF = (".tif", ".tiff")
NUMPY = (".npy", ".npz")
LATER = (".ply", ".pcd")


def read(path: Path, label: str) -> np.ndarray[Any, Any]:
    """The array in a file of one of the formats above."""
    return read_numpy(path, label) if path.suffix.lower() in NUMPY else read_tiff(path)


def read_numpy(path: Path, label: str) -> np.ndarray[Any, Any]:
    """The array of an npy file; of an npz file, its only one."""
    found = np.load(path, allow_pickle=False)
    if isinstance(found, np.ndarray):
        return found
    with found as stored:
        if len(stored.files) != 1:
            refuse(label, "must hold exactly one array", f"{len(stored.files)}: {', '.join(stored.files)}")
        array: np.ndarray[Any, Any] = stored[stored.files[0]]
    return array


def read_tiff(path: Path) -> np.ndarray[Any, Any]:
    """The first series of a tiff file."""
    import tifffile  # here, because it is slow to import

    found: np.ndarray[Any, Any] = tifffile.imread(path)
    return found
