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
    """Return the first series of a tiff file: all pages of one shape that follow each other."""
    return _read(path, label, first_page=False)


def read_page(path: Path, label: Label) -> np.ndarray[Any, Any]:
    """Return the first page of a tiff file."""
    return _read(path, label, first_page=True)


def _read(path: Path, label: Label, *, first_page: bool) -> np.ndarray[Any, Any]:
    import tifffile  # here, because it is slow to import

    data = path.read_bytes()  # from memory, as in items.open_image
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        pages = file.pages[0] if first_page else file.series[0]
        is_plain = pages.keyframe.compression == tifffile.COMPRESSION.NONE
        ratio = 1 if is_plain else _LARGEST_RATIO
        point_records.check_size(pages.nbytes, ratio * len(data), label)
        label.check_pixels(pages.keyframe.imagelength, pages.keyframe.imagewidth)
        array: np.ndarray[Any, Any] = pages.asarray()
    return array
