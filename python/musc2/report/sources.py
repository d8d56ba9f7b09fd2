"""The images and scans of a result's parts: those that were passed, else their files again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from musc2.errors import InputError
from musc2.inputs import Sample, list_clouds, list_images
from musc2.result import Result

Picture = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, eq=False)
class Content:
    """image: (H, W, 3) uint8, at most ``limit`` pixels wide and high; xyz: (H, W, 3) or (P, 3).

    mask: the foreground, (H, W) or (P,). None for what there is not; problem: why, if a file could
    not be read again.
    """

    image: Picture | None = None
    xyz: NDArray[np.float32] | None = None
    mask: NDArray[np.bool_] | None = None
    problem: str = ""


def read(result: Result, index: int, limit: int) -> Content:
    """Return what can be seen of a part. A file that is gone costs its picture, not the report."""
    try:
        sample = sample_of(result, index)
        image = None if sample.image is None else reduced(sample.image.read(), limit)
        xyz = None if sample.cloud is None else sample.cloud.read()
        mask = None if sample.mask is None else sample.mask.read()
    except InputError as error:
        return Content(problem=str(error))
    if xyz is not None:
        with np.errstate(over="ignore"):
            xyz = xyz.astype(np.float32)
    return Content(image=image, xyz=xyz, mask=mask)


def sample_of(result: Result, index: int) -> Sample:
    """Return the part's sample; of a result that was loaded, one with the file of its path."""
    if result._samples is not None:
        sample: Sample = result._samples[index]
        return sample
    name, path = result.names[index], result.paths[index]
    if path is None:
        return Sample(index=index, name=name)
    if "2d" in result.encoders:
        return Sample(index=index, name=name, image=list_images([path])[0])
    return Sample(index=index, name=name, cloud=list_clouds([path])[0])


def reduced(picture: Image.Image | NDArray[Any], limit: int) -> Picture:
    """Return a picture as 8 bits, reduced to at most ``limit`` pixels wide and high."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(_eight_bits(picture))
    width, height = image.size
    scale = min(1.0, limit / max(width, height))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        # Whole factors are means of squares, which takes a fifth of the time of a filter alone.
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=1.0)
    return np.asarray(image)


def _eight_bits(picture: NDArray[Any]) -> Picture:
    """Return floats in [0, 1] as whole numbers; those stay as they are."""
    return picture if picture.dtype == np.uint8 else np.rint(picture * 255).astype(np.uint8)
