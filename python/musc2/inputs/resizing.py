"""The size that images and maps are brought to, and the two ways there: PIL for images, nearest pixel for maps."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from musc2.inputs.sample import Picture

RESAMPLE = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
RESIZE = ("square", "fit")


def target_size(original: tuple[int, int], size: int, resize: str = "square", patch: int = 1) -> tuple[int, int]:
    """(h, w) for ``original`` (H, W): size x size, or with "fit" the longest side at size and the other in proportion.

    "fit" rounds both sides to multiples of ``patch``, which is all the distortion that it leaves: half a patch at most,
    more only where a side is shorter than one.
    """
    if resize == "square":
        return size, size
    height, width = (max(1, round(side * size / max(original) / patch)) * patch for side in original)
    return height, width


def resize_image(image: Picture, size: tuple[int, int], resample: str) -> np.ndarray[Any, Any]:
    """(3, h, w) float32 in [0, 1]; antialiased. 8-bit images stay 8-bit on the way, as in the published code."""
    found = np.empty((3, *size), np.float32)
    if isinstance(image, Image.Image):
        small = np.asarray(image.resize(size[::-1], RESAMPLE[resample]))
        np.divide(small.transpose(2, 0, 1), 255, out=found, dtype=np.float32)
        return found
    for channel in range(3):
        plane = Image.fromarray(np.ascontiguousarray(image[:, :, channel]))
        found[channel] = np.asarray(plane.resize(size[::-1], RESAMPLE[resample]))
    found.clip(0, 1, out=found)
    return found


def resize_map(values: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    """(H, W, ...) -> (h, w, ...): pixel i is floor(i * H / h) of the source."""
    rows, columns = (np.arange(side) * source // side for side, source in zip(size, values.shape, strict=False))
    found: np.ndarray[Any, Any] = values[rows[:, None], columns]
    return found
