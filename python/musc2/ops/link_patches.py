from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from musc2.errors import InputError
from musc2.ops._support import arrays, native


@dataclass(frozen=True, eq=False)
class Links:
    """Patch ↔ group links: ``groups[start[q]:start[q + 1]]`` are the groups in patch q, ascending.

    patch: (G,) int32, start: (h*w + 1,) int32, groups: (G,) int32. Of a packed batch of B samples: patch (T,),
    start (B, h*w + 1), groups (T,), where starts and groups count from the sample's own first group.
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
    """pixels: (G,) int32 or int64, row * W + column of each group's center -> Links.

    size: (H, W) of the image, grid: (h, w) patches. A pixel (row, column) is in patch
    (row * h // H) * w + column * w // W. A packed batch: pixels (T,) with offsets (B + 1,).

    >>> link_patches(torch.tensor([5, 0, 15]), size=(4, 4), grid=(2, 2)).patch
    tensor([0, 0, 3], dtype=torch.int32)
    """
    height, width = _pair("size", size, 2**31 - 1)
    grid_height, grid_width = _pair("grid", grid, 2**15)
    places = arrays.indices("link_patches", "pixels", pixels, "G")
    ends = arrays.offsets_on_device_of(
        arrays.check_offsets("link_patches", "offsets", offsets, places.numel(), "pixels"), places
    )
    _inside(places, height, width)
    samples = ends.numel() - 1
    patch, groups = places.new_empty(2, places.numel(), dtype=torch.int32).unbind()
    start = places.new_empty(samples, grid_height * grid_width + 1, dtype=torch.int32)
    native.kernels(places).link_patches(
        places.data_ptr(),
        ends.data_ptr(),
        samples,
        height,
        width,
        grid_height,
        grid_width,
        patch.data_ptr(),
        start.data_ptr(),
        groups.data_ptr(),
    )
    return Links(patch, start[0] if offsets is None else start, groups)


def _inside(pixels: torch.Tensor, height: int, width: int) -> None:
    if pixels.is_cuda:
        return
    outside = (pixels < 0) | (pixels >= height * width)
    if bool(outside.any()):
        first = int(outside.nonzero()[0])
        msg = (
            f"link_patches: pixels must be inside the image of {height} x {width}, from 0 to {height * width - 1}, "
            f"got {int(pixels[first])} at ({first},)"
        )
        raise InputError(msg)


def _pair(name: str, value: tuple[int, int], limit: int) -> tuple[int, int]:
    if not isinstance(value, tuple | list) or len(value) != 2:
        msg = f"link_patches: {name} must be two whole numbers (height, width), got {value!r}"
        raise InputError(msg)
    height, width = (arrays.whole("link_patches", name, side, 1, limit) for side in value)
    return height, width
