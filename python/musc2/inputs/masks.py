"""Foreground masks: from whatever holds them to arrays of True and False."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from musc2.inputs import containers, pictures, tables
from musc2.inputs.sources import Source, refuse


def foreground(masks: object) -> list[Source[np.ndarray[Any, Any]]]:
    """The masks (H, W), or (P,) for clouds of P points, that ``masks`` holds, not read yet.

    masks: (N, H, W), one (H, W), a list of arrays, PIL images and paths, or a folder. What is not 0 is foreground; in
    an image, what is not black. A mask may have another size than the image or the xyz map.
    """
    found = containers.items("masks", masks, _split, pictures.ENDINGS)
    return [
        Source(
            argument="masks",
            index=index,
            path=item if isinstance(item, Path) else None,
            load=functools.partial(_load, item),
        )
        for index, item in enumerate(found)
    ]


def _split(array: np.ndarray[Any, Any] | torch.Tensor) -> list[containers.Item]:
    if array.ndim in (2, 3):
        return [array] if array.ndim == 2 else containers.one_by_one(array)
    refuse("masks", "must be a list or have shape (N, H, W)", tuple(array.shape))


def _load(item: containers.Item, label: str) -> np.ndarray[Any, Any]:
    if isinstance(item, Path) and item.suffix.lower() not in (*tables.NUMPY, *tables.TIFF):
        with containers.opened(item) as image:
            return mask(image, label)
    return mask(tables.read(item, label) if isinstance(item, Path) else containers.loaded(item), label)


def levels(image: Image.Image) -> np.ndarray[Any, Any]:
    """(H, W): 0 where a mask that is an image is black, whatever its colours, its depth and its alpha."""
    single = image.mode in ("1", "L", "F") or image.mode.startswith("I")
    array = np.asarray(image if single else image.convert("RGBA").convert("RGB"))
    return array if array.ndim == 2 else np.asarray(array.any(axis=2))


def mask(value: object, label: str) -> np.ndarray[Any, Any]:
    """One mask of any kind as bool array (H, W) or (P,), not all background."""
    array = levels(value) if isinstance(value, Image.Image) else containers.to_numpy(value)
    if array.ndim not in (1, 2) or array.dtype.kind not in "biuf":
        refuse(
            label, "must be numbers or booleans of shape (H, W), or (P,) for a cloud", f"{array.dtype} {array.shape}"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        refuse(label, "must be finite", "NaN or infinity")
    found = np.asarray(array != 0)
    if not found.any():
        refuse(label, "must leave some foreground", f"none in {tuple(found.shape)}")
    return found
