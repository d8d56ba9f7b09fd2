"""Load foreground masks."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from musc2.inputs import formats, images, items
from musc2.inputs.sample import Label, Source

MASKS = Label(op="score", text="masks")


def list_masks(masks: object, argument: Label = MASKS) -> list[Source[np.ndarray[Any, Any]]]:
    """Return the masks (H, W), or (P,) for clouds of P points, that ``masks`` holds, not read yet.

    masks: (N, H, W), one (H, W), a list of arrays, PIL images and paths, or a folder. What is not 0 is foreground; in
    an image, what is not black. A mask may have another size than the image or the xyz map.
    """
    split = functools.partial(_split, argument)
    return [
        Source(
            argument=argument,
            index=index,
            path=item if isinstance(item, Path) else None,
            load=functools.partial(_load, item),
        )
        for index, item in enumerate(items.split_items(argument, masks, split, images.ENDINGS))
    ]


def _split(argument: Label, array: np.ndarray[Any, Any] | torch.Tensor) -> list[items.Item]:
    if array.ndim in (2, 3):
        return [array] if array.ndim == 2 else items.unstack(array)
    argument.refuse("must be a list or have shape (N, H, W)", tuple(array.shape))


def _load(item: items.Item, label: Label) -> np.ndarray[Any, Any]:
    if isinstance(item, Path) and item.suffix.lower() not in (*formats.NUMPY, *formats.TIFF):
        with items.open_image(item) as image:
            return as_mask(image, label)
    if isinstance(item, Path):
        return as_mask(formats.read(item, label), label)
    return as_mask(items.load_pixels(item), label)


def levels(image: Image.Image) -> np.ndarray[Any, Any]:
    """Return (H, W), 0 where a mask image is black, whatever its colors, its depth and its alpha."""
    single = image.mode in ("1", "L", "F") or image.mode.startswith("I")
    array = np.asarray(image if single else image.convert("RGBA").convert("RGB"))
    return array if array.ndim == 2 else np.asarray(array.any(axis=2))


def as_mask(value: object, label: Label) -> np.ndarray[Any, Any]:
    """Return one mask of any kind as bool array (H, W) or (P,), not all background."""
    array = levels(value) if isinstance(value, Image.Image) else items.to_numpy(value)
    if array.ndim not in (1, 2) or array.dtype.kind not in "biuf":
        label.refuse("must be numbers or booleans of shape (H, W), or (P,) for a cloud", f"{array.dtype} {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        label.refuse("must be finite", "NaN or infinity")
    foreground = np.asarray(array != 0)
    if not foreground.any():
        label.refuse("must leave some foreground", f"none in {tuple(foreground.shape)}")
    return foreground
