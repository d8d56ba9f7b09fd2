"""Load RGB images."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from musc2.inputs import formats, items
from musc2.inputs.formats import camera_raw, heif, tiff
from musc2.inputs.sample import Label, Picture, Source

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm")
FOLDER_ENDINGS = (*ENDINGS, *heif.ENDINGS)
_DEEP = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")  # PIL's modes of more than 8 bits
RGB = Label(op="score", text="rgb")


def list_images(rgb: object, argument: Label = RGB) -> list[Source[Picture]]:
    """Return the images that ``rgb`` holds, not read yet.

    rgb: one of

    - an array (numpy, torch, anything with DLPack or ``__array__``): (N, H, W, 3) or (N, 3, H, W),
      also with 1 or 4 channels, (N, H, W) gray, or one image (H, W, 3), (H, W, 4) or (H, W);
    - a list of images of any size: arrays, PIL images and paths;
    - a folder, whose files are sorted by stem.

    Values are uint8, uint16, or floating in [0, 1]. An image whose values are all multiples of
    1/255 is an 8-bit image in each of these types; others keep their depth.

    Channels are the last axis if it has 3 entries, else the first if it has 3, else the last or the
    first if it has 1 or 4. So (8, 3, 50, 3) is eight images of 3 x 50 pixels, and (3, H, W) alone
    is three gray images.

    Alpha of an array is dropped; an image file or PIL image is laid over black, so colors under
    full transparency do not count. Palettes are resolved. EXIF orientation is applied. Of several
    pages or frames the first is read, and 16-bit color at 8 bits except in tiff. Files of heif and
    camera raw need the packages pillow-heif and rawpy.

    >>> len(list_images(np.zeros((5, 3, 32, 48), np.uint8)))
    5
    """
    split = functools.partial(_split, argument)
    files = items.split_items(argument, rgb, split, FOLDER_ENDINGS, camera_raw.ENDINGS)
    return items.sources(argument, files, _load)


def read_image(path: Path, op: str) -> Picture:
    """Read one image file as ``list_images`` does; errors begin with ``op``."""
    return items.file_source(Label(op=op, text="rgb"), path, _load).read()


def as_image(image: object, label: Label) -> Picture:
    """Return one image of any kind as a picture; ``label`` names it in errors."""
    if isinstance(image, Image.Image):
        image.load()  # now, because the file may be closed later
        upright = ImageOps.exif_transpose(image)
        picture = _from_deep(upright, label) if upright.mode in _DEEP else _to_rgb(upright)
    else:
        picture = _from_array(channels_last(items.to_numpy(image), label), label)
    height, width = size_of(picture)
    if min(height, width) < 2:
        label.refuse("must be an image of at least 2 x 2 pixels", f"{height} x {width}")
    return picture


def size_of(image: Picture) -> tuple[int, int]:
    """Return the (H, W) of a picture."""
    if isinstance(image, Image.Image):
        return image.height, image.width
    return image.shape[0], image.shape[1]


def channels_last(array: np.ndarray[Any, Any], label: Label) -> np.ndarray[Any, Any]:
    """Return one image as (H, W) or (H, W, C), by the rule of ``list_images``."""
    if array.ndim == 2:
        return array
    if array.ndim == 3:
        for channels in ((3,), (1, 4)):
            if array.shape[2] in channels:
                return array
            if array.shape[0] in channels:
                return np.moveaxis(array, 0, 2)
    label.refuse("must have shape (H, W, 3), (3, H, W) or (H, W)", tuple(array.shape))


def _split(argument: Label, array: np.ndarray[Any, Any] | torch.Tensor) -> list[items.Item]:
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4)):
        return [array]
    if array.ndim in (3, 4):
        return items.unstack(array)
    argument.refuse("must have shape (N, H, W, 3), (N, 3, H, W) or (N, H, W)", tuple(array.shape))


def _load(item: items.Item, label: Label) -> Picture:
    if not isinstance(item, Path):
        return as_image(items.load_pixels(item), label)
    if item.suffix.lower() in formats.NUMPY:
        return as_image(formats.read(item, label), label)
    if item.suffix.lower() in heif.ENDINGS:
        return as_image(heif.load(item, label), label)
    if item.suffix.lower() in camera_raw.ENDINGS:
        return as_image(camera_raw.load(item, label), label)
    try:
        with items.open_image(item, label) as image:
            if not _is_deep_tiff(image):
                return as_image(image, label)
    except UnidentifiedImageError:
        if item.suffix.lower() not in formats.TIFF:
            _refuse_contents(item, label)
    return as_image(tiff.read_page(item, label), label)


def _refuse_contents(path: Path, label: Label) -> NoReturn:
    """Raise an error about a file whose contents no image reader takes for an image."""
    with path.open("rb") as file:
        start = file.read(16)
    got = f"a file that begins with {start!r}" if start else "an empty file"
    label.refuse("must be readable as an image", got)


def _is_deep_tiff(image: Image.Image) -> bool:
    """Return whether PIL would cut deep channels to 8 bits, wrongly if they are stored apart."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile) or image.mode != "RGB":
        return False
    bits_per_sample = image.tag_v2[258]
    return bool(max(bits_per_sample) > 8)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        pixels = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "black"), pixels).convert("RGB")
    return image.convert("RGB")


def _from_deep(image: Image.Image, label: Label) -> Picture:
    values = items.to_numpy(np.asarray(image))
    if image.mode == "I":  # 32 bits, which older versions of PIL use for 16-bit files
        low, high = int(values.min(initial=0)), int(values.max(initial=0))
        if low < 0 or high > 65535:
            requirement = "must be within 0 and 65535 when its values are whole"
            label.refuse(requirement, low if low < 0 else high)
        values = values.astype(np.uint16)
    return _from_array(values, label)


def _from_array(array: np.ndarray[Any, Any], label: Label) -> Picture:
    """Return an image (H, W) or (H, W, C) as a picture; a fourth channel is dropped."""
    if array.ndim == 2:
        array = array[:, :, None]
    if 0 in array.shape:
        label.refuse("must not be empty", tuple(array.shape))
    array = array[:, :, :3]
    if array.dtype == np.uint16:
        array = _from_uint16(array)
    elif array.dtype.kind == "f":
        array = _from_floats(array, label)
    elif array.dtype != np.uint8:
        label.refuse("must be uint8, uint16, or floating in [0, 1]", array.dtype)
    array = np.broadcast_to(array, (*array.shape[:2], 3))
    return Image.fromarray(np.ascontiguousarray(array)) if array.dtype == np.uint8 else array


def _from_uint16(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return uint8 if the values are 8-bit values times 257, else float32 in [0, 1]."""
    eight_bits = array // 257
    if (eight_bits * 257 == array).all():
        return eight_bits.astype(np.uint8)
    return np.asarray(array / np.float32(65535))


def _from_floats(array: np.ndarray[Any, Any], label: Label) -> np.ndarray[Any, Any]:
    """Return uint8 if the values are 8-bit up to the rounding of their type, else float32."""
    low, high = float(array.min()), float(array.max())
    if not (low >= -1e-6 and high <= 1 + 1e-6):
        advice = "; divide by 255, or pass uint8" if low >= 0 and 1 < high <= 255 else ""
        outlier = high if low >= 0 else low
        label.refuse("must be in [0, 1] when floating", f"{outlier:g}{advice}")
    scaled = array.astype(np.float32) * 255
    rounded = np.rint(scaled)
    precision = max(float(np.finfo(array.dtype).eps), 2**-23)
    if (np.abs(scaled - rounded) <= min(0.25, 255 * precision)).all():
        return np.asarray(rounded, dtype=np.uint8)
    return np.asarray(np.clip(array, 0, 1), dtype=np.float32)
