"""Resize 8-bit images by two products with small matrices, to the values that PIL gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np
import torch
from PIL import Image

from musc2._transfer import upload
from musc2.inputs.resizing import RESAMPLE

_BITS = 22  # behind the binary point of PIL's weights
_PIXELS = 1 << 22  # that are resized at a time; they take 24 bytes each


@dataclass(frozen=True, kw_only=True, eq=False)
class RawImage:
    """An 8-bit image, (H, W, 3) uint8, and the size (h, w) to bring it to on ``device``."""

    pixels: torch.Tensor
    size: tuple[int, int]
    resample: str
    device: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return the shape (3, h, w) of the resized image."""
        return 3, *self.size


def resized(image: torch.Tensor | RawImage) -> torch.Tensor:
    """Return one image (3, h, w) float32 in [0, 1]."""
    return stacked([image])[0] if isinstance(image, RawImage) else image


def stacked(images: Sequence[torch.Tensor | RawImage]) -> torch.Tensor:
    """Return images of one shape as (B, 3, h, w), on the GPU if one of them is to be resized there.

    On the GPU nothing is waited for.
    """
    raw = [image for image in images if isinstance(image, RawImage)]
    if not raw:
        return torch.stack([resized(image) for image in images])
    device = raw[0].device
    batches: list[torch.Tensor] = []
    for size, run in groupby(images, _original_size):
        if size is None:
            batches.append(upload(torch.stack([resized(image) for image in run]), device))
        else:
            batches.extend(_resized_together([own for own in run if isinstance(own, RawImage)]))
    return torch.cat(batches)


def resize(pixels: torch.Tensor, size: tuple[int, int], resample: str) -> torch.Tensor:
    """Return images (B, H, W, 3) uint8 as (B, 3, h, w) float32 in [0, 1], on their device.

    They are what PIL gives, to the bit: weights are rounded to ``_BITS`` bits, and one side is
    resized to whole numbers, then the other. In float64 all sums are exact, whatever their order.
    """
    height, width = pixels.shape[1:3]
    planes = pixels.permute(0, 3, 1, 2).contiguous().double()
    down = upload(weights(height, size[0], resample), pixels.device)
    across = upload(weights(width, size[1], resample), pixels.device)
    if is_height_first((height, width), size, resample):
        whole = _rounded(_rounded(down @ planes) @ across.T)
    else:
        whole = _rounded(down @ _rounded(planes @ across.T))
    # The factor instead of a division: on a GPU torch multiplies by the reciprocal in any case.
    return (whole * (1 / 255)).float()


@lru_cache(maxsize=256)
def is_height_first(original: tuple[int, int], target: tuple[int, int], resample: str) -> bool:
    """Return whether PIL resizes the height first, as it does from 13 on where that saves work.

    Which sizes these are is PIL's own business, so it is tried with noise, on a few rows.
    """
    if original[0] * target[1] <= target[0] * original[1]:
        return False
    noise = np.resize(np.random.default_rng(0).integers(0, 256, 65_521, np.uint8), original)
    resized_by_pil = Image.fromarray(noise).resize(target[::-1], RESAMPLE[resample])
    rows = torch.arange(target[0])[:: max(1, target[0] // 8)]
    expected = torch.from_numpy(np.array(resized_by_pil))[rows]
    down = weights(original[0], target[0], resample)[rows]
    heights = _rounded(down @ torch.from_numpy(noise).double())
    across = weights(original[1], target[1], resample)
    return torch.equal(_rounded(heights @ across.T).byte(), expected)


@lru_cache(maxsize=64)
def weights(length: int, target: int, resample: str) -> torch.Tensor:
    """Return PIL's weights (target, length) of resizing a side, whole multiples of 2^-22.

    The arithmetic is PIL's, step by step, so that the rounding is.
    """
    kernel, reach = _KERNELS[resample]
    scale = length / target
    stretch = max(scale, 1.0)
    center = (torch.arange(target, dtype=torch.float64) + 0.5) * scale
    first = (center - reach * stretch + 0.5).trunc().clamp(min=0)
    end = (center + reach * stretch + 0.5).trunc().clamp(max=length)
    source = first[:, None] + torch.arange(int((end - first).max()))
    distance = (source - center[:, None] + 0.5) * (1 / stretch)
    own = kernel(distance.abs()).masked_fill(source >= end[:, None], 0.0)
    own /= own.cumsum(1)[:, -1:]  # in order, as a sum may not be
    whole = ((own.abs() * 2**_BITS + 0.5).floor() * own.sign()) / 2**_BITS
    table = torch.zeros(target, length, dtype=torch.float64)
    return table.scatter_add_(1, source.long().clamp(max=length - 1), whole)


def _bicubic(x: torch.Tensor) -> torch.Tensor:
    near = (1.5 * x - 2.5) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * -0.5
    return torch.where(x < 1, near, far.masked_fill(x >= 2, 0.0))


def _bilinear(x: torch.Tensor) -> torch.Tensor:
    return (1 - x).clamp(min=0)


_KERNELS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], int]] = {
    "bicubic": (_bicubic, 2),
    "bilinear": (_bilinear, 1),
}


def _rounded(values: torch.Tensor) -> torch.Tensor:
    return (values + 0.5).floor_().clamp_(0, 255)


def _original_size(image: torch.Tensor | RawImage) -> tuple[int, int] | None:
    return (image.pixels.shape[0], image.pixels.shape[1]) if isinstance(image, RawImage) else None


def _resized_together(images: Sequence[RawImage]) -> Iterator[torch.Tensor]:
    """Yield images of one original size, resized, some at a time."""
    height, width = images[0].pixels.shape[:2]
    step = max(1, _PIXELS // (height * width))
    for start in range(0, len(images), step):
        some = images[start : start + step]
        pixels = torch.stack([upload(image.pixels, image.device) for image in some])
        yield resize(pixels, some[0].size, some[0].resample)
