"""Resize images with PIL and xyz maps to the nearest pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from musc2.inputs.sample import Picture

RESAMPLE = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def target_size(
    original: tuple[int, int], size: int, resize: str = "square", patch: int = 1
) -> tuple[int, int]:
    """Return the size (h, w) that ``original`` (H, W) is resized to.

    "square" is size x size. "fit" keeps the aspect ratio, with the longest side at ``size`` and
    both sides rounded to multiples of ``patch``: a side changes by half a patch at most, by more
    only if it is shorter than one.
    """
    if resize == "square":
        return size, size
    longest = max(original)
    patches = [max(1, round(side * size / longest / patch)) for side in original]
    return patches[0] * patch, patches[1] * patch


def resize_image(image: Picture, size: tuple[int, int], resample: str) -> np.ndarray[Any, Any]:
    """Return (3, h, w) float32 in [0, 1], antialiased.

    8-bit images are resized in 8 bits, as in the published code.
    """
    height, width = size
    resized = np.empty((3, height, width), np.float32)
    if isinstance(image, Image.Image):
        eight_bits = np.asarray(image.resize((width, height), RESAMPLE[resample]))
        np.divide(eight_bits.transpose(2, 0, 1), 255, out=resized, dtype=np.float32)
        return resized
    for channel in range(3):
        plane = Image.fromarray(np.ascontiguousarray(image[:, :, channel]))
        resized[channel] = np.asarray(plane.resize((width, height), RESAMPLE[resample]))
    resized.clip(0, 1, out=resized)
    return resized


def resize_map(values: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Return values (H, W, ...) as (h, w, ...): row i is row floor(i * H / h) of the source."""
    height, width = values.shape[:2]
    rows = np.arange(size[0]) * height // size[0]
    columns = np.arange(size[1]) * width // size[1]
    if values.flags.c_contiguous:  # many times as fast as with two indices
        pixels = values.reshape(height * width, *values.shape[2:])
        picked = pixels.take((rows[:, None] * width + columns).reshape(-1), axis=0)
        return np.asarray(picked.reshape(*size, *values.shape[2:]))
    return np.asarray(values[rows[:, None], columns])
