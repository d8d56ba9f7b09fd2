from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from musc2 import checks
from musc2.ops._support import arrays, dispatch

OP = "link_patches"


@dataclass(frozen=True, eq=False)
class Links:
    """Links between patches and groups.

    Patch q holds ``groups[start[q] : start[q + 1]]``, ascending.

    patch: (G,) int32, the patch of each group
    start: (h * w + 1,) int32
    groups: (G,) int32

    In a packed batch of B samples, patch and groups are (T,) and start is (B, h * w + 1); starts
    and groups count from the first group of their sample.
    """

    patch: torch.Tensor
    start: torch.Tensor
    groups: torch.Tensor


def link_patches(
    pixels: arrays.Array,
    *,
    size: tuple[int, int],
    grid: tuple[int, int],
    offsets: arrays.Array | Sequence[int] | None = None,
) -> Links:
    """Return which patch of a grid each group's center is in, and which groups each patch holds.

    pixels: (G,) int32 or int64, row * W + column of each center -> Links

    size: (H, W) of the image; grid: (h, w) patches. A pixel (row, column) is in patch
    (row * h // H) * w + column * w // W. offsets: (B + 1,), where each sample of a packed batch
    begins.

    >>> link_patches(torch.tensor([5, 0, 15]), size=(4, 4), grid=(2, 2)).patch
    tensor([0, 0, 3], dtype=torch.int32)
    """
    height, width = checks.pair(OP, "size", size, 2**31 - 1)
    grid_height, grid_width = checks.pair(OP, "grid", grid, 2**15)
    pixels = arrays.indices(OP, "pixels", pixels, "G")
    count = pixels.numel()
    bounds = arrays.check_offsets(OP, "offsets", offsets, count, "pixels")
    bounds = arrays.offsets_on_device_of(bounds, pixels)
    _check_inside(pixels, height, width)
    samples = bounds.numel() - 1
    patch, groups = pixels.new_empty(2, count, dtype=torch.int32).unbind()
    start = pixels.new_empty(samples, grid_height * grid_width + 1, dtype=torch.int32)
    sizes = (height, width, grid_height, grid_width)
    dispatch.launch(OP, pixels, bounds, samples, *sizes, patch, start, groups)
    return Links(patch, start[0] if offsets is None else start, groups)


def _check_inside(pixels: torch.Tensor, height: int, width: int) -> None:
    if pixels.is_cuda:
        return
    outside = (pixels < 0) | (pixels >= height * width)
    if bool(outside.any()):
        first = int(outside.nonzero()[0])
        last = height * width - 1
        requirement = f"must be inside the image of {height} x {width}, from 0 to {last}"
        checks.refuse(OP, "pixels", requirement, f"{int(pixels[first])} at ({first},)")
