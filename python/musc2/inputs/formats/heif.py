"""Open heic and heif images, the photos of phones, where the package pillow-heif is installed."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from musc2.errors import InputError
from musc2.inputs.sample import Label

ENDINGS = (".heic", ".heif")


def load(path: Path, label: Label) -> Image.Image:
    """Return the first image of a file, with its EXIF orientation applied by the reader."""
    try:
        import pillow_heif
    except ImportError as error:
        msg = (
            f"{label.op}: {label.text} is a heif image, which needs a package to be read: "
            "pip install pillow-heif"
        )
        raise InputError(msg) from error
    file = pillow_heif.open_heif(path.read_bytes())
    width, height = file.size
    label.check_pixels(height, width)
    image: Image.Image = file.to_pillow()
    return image
