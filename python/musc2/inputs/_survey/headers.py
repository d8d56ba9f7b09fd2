"""What the header of an image file says, without its pixels."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, TiffImagePlugin

_ORIENTATION, _SUBFILE_TYPE, _BITS_PER_SAMPLE = 274, 254, 258
_PAGED = ("TIFF", "GIF", "WEBP", "PNG")  # not MPO, photos with a second image beside the first
_MAX_PAGES = 1000
_KINDS = {
    "1": "black and white", "L": "gray", "LA": "gray", "La": "gray", "P": "palette",
    "PA": "palette", "RGB": "color", "RGBA": "color", "RGBa": "color", "RGBX": "color",
    "YCbCr": "color", "CMYK": "CMYK", "F": "floating gray",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ImageHeader:
    """size: (H, W) upright; kind: "color", "16-bit gray" ...; turned: whether EXIF turns it."""

    size: tuple[int, int]
    kind: str
    has_alpha: bool
    turned: bool
    pages: int


def read_header(path: Path) -> ImageHeader | None:
    """Return the header of an image file; None if PIL cannot read it."""
    if not path.is_file():
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large images, which reading them repeats
            with Image.open(path) as image:
                return _header(image)
    except Exception:  # a damaged file raises whatever its reader stumbles on
        return None


def _header(image: Image.Image) -> ImageHeader:
    orientation = image.getexif().get(_ORIENTATION, 1)
    on_its_side = orientation in (5, 6, 7, 8)
    has_alpha = "A" in image.mode or "a" in image.mode or "transparency" in image.info
    kind = _kind(image)
    return ImageHeader(
        size=(image.width, image.height) if on_its_side else (image.height, image.width),
        kind=kind,
        has_alpha=has_alpha,
        turned=orientation in range(2, 9),
        pages=_pages(image),
    )


def _kind(image: Image.Image) -> str:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bits = max(image.tag_v2.get(_BITS_PER_SAMPLE, (8,)))
        if image.mode == "RGB" and bits > 8:
            return f"{bits}-bit color"
    if image.mode.startswith("I"):
        return "16-bit gray"
    return _KINDS.get(image.mode, image.mode)


def _pages(image: Image.Image) -> int:
    """Return the number of pages or frames, without smaller versions of a page beside it."""
    if image.format not in _PAGED or not getattr(image, "is_animated", False):
        return 1
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return int(getattr(image, "n_frames", 1))
    pages = 0
    for number in range(_MAX_PAGES):
        try:
            image.seek(number)
        except EOFError:
            break
        pages += not image.tag_v2.get(_SUBFILE_TYPE, 0) & 1
    return max(1, pages)
