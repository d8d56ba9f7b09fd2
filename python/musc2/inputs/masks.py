"""Load foreground masks."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

from musc2.inputs import formats, images, items
from musc2.inputs.sample import Label, Source

MASKS = Label(op="score", text="masks")


def list_masks(masks: object, argument: Label = MASKS) -> list[Source[np.ndarray[Any, Any]]]:
    """Return the masks (H, W), or (P,) for clouds of P points, that ``masks`` holds, not read yet.

    masks: (N, H, W), one (H, W), a list of arrays, PIL images and paths, or a folder. Foreground is
    not 0; in an image, not black. A mask may have another size than the image or the xyz map.
    """
    split = functools.partial(_split, argument)
    return items.sources(argument, items.split_items(argument, masks, split, images.ENDINGS), _load)


def _split(argument: Label, array: np.ndarray[Any, Any] | torch.Tensor) -> list[items.Item]:
    if array.ndim == 2:
        return [array]
    if array.ndim == 3:
        return items.unstack(array)
    argument.refuse("must be a list or have shape (N, H, W)", tuple(array.shape))


def _load(item: items.Item, label: Label) -> np.ndarray[Any, Any]:
    if isinstance(item, Path) and item.suffix.lower() not in (*formats.NUMPY, *formats.TIFF):
        with items.open_image(item, label) as image:
            return as_mask(image, label)
    if isinstance(item, Path):
        return as_mask(formats.read(item, label), label)
    return as_mask(items.load_pixels(item), label)


def levels(image: Image.Image) -> np.ndarray[Any, Any]:
    """Return (H, W), 0 where a mask image is black, whatever its colors, depth and alpha."""
    image = ImageOps.exif_transpose(image)
    has_one_channel = image.mode in ("1", "L", "F") or image.mode.startswith("I")
    if has_one_channel:
        return np.asarray(image)
    colors = np.asarray(image.convert("RGBA").convert("RGB"))
    return np.asarray(colors.any(axis=2))


def as_mask(value: object, label: Label) -> np.ndarray[Any, Any]:
    """Return one mask of any kind as bool array (H, W) or (P,), not all background."""
    array = levels(value) if isinstance(value, Image.Image) else items.to_numpy(value)
    if array.ndim not in (1, 2) or array.dtype.kind not in "biuf":
        requirement = "must be numbers or booleans of shape (H, W), or (P,) for a cloud"
        label.refuse(requirement, f"{array.dtype} {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        label.refuse("must be finite", "NaN or infinity")
    foreground = np.asarray(array != 0)
    if not foreground.any():
        label.refuse("must leave some foreground", f"none in {tuple(foreground.shape)}")
    return foreground
