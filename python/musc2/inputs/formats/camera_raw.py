"""Develop the raw files of cameras, where the package rawpy is installed."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from musc2.errors import InputError
from musc2.inputs.sample import Label

ENDINGS = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw")
_PIXELS_PER_BYTE = 64  # more than any camera's compression reaches


def load(path: Path, label: Label) -> Image.Image:
    """Return the image, upright, with the camera's white balance and no automatic brightness.

    Brightness that is chosen from the contents would differ between parts of a set.
    """
    try:
        import rawpy
    except ImportError as error:
        msg = (
            f"{label.op}: {label.text} is a camera's raw file, which needs a package to be read: "
            "pip install rawpy"
        )
        raise InputError(msg) from error
    data = path.read_bytes()
    with rawpy.imread(io.BytesIO(data)) as raw:
        height, width = raw.sizes.raw_height, raw.sizes.raw_width
        if height * width > _PIXELS_PER_BYTE * len(data):
            got = f"{height} x {width} pixels in {len(data)} bytes"
            label.refuse("must hold as many pixels as its header declares", got)
        label.check_pixels(height, width)
        pixels = raw.postprocess(use_camera_wb=True, no_auto_bright=True)
    return Image.fromarray(pixels)
