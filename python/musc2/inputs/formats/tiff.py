"""Tiff files, whose size is checked before anything is allocated."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from musc2.inputs.formats import point_records
from musc2.inputs.sample import Label

_LARGEST_RATIO = 4096  # more than any compression of real scans reaches


def read(path: Path, label: Label) -> np.ndarray[Any, Any]:
    """Return the first series of a tiff file."""
    import tifffile  # here, because it is slow to import

    data = path.read_bytes()  # from memory, as in items.open_image
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        series = file.series[0]
        is_plain = series.keyframe.compression == tifffile.COMPRESSION.NONE
        ratio = 1 if is_plain else _LARGEST_RATIO
        point_records.check_size(series.nbytes, ratio * len(data), label)
        array: np.ndarray[Any, Any] = series.asarray()
    return array
