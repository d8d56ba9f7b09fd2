from __future__ import annotations

from collections.abc import Sequence

import torch

from musc2 import checks
from musc2.errors import InputError
from musc2.ops._support import arrays, dispatch

OP = "farthest_points"


def farthest_points(
    points: arrays.Array,
    count: int,
    *,
    offsets: arrays.Array | Sequence[int] | None = None,
    start: int = 0,
    skip_radius: float = 0.0,
) -> torch.Tensor:
    """Return the indices of ``count`` points that are far from each other.

    points: (P, 3) float32 -> (count,) int32; with offsets (B, count) int32

    Args:
        points: the cloud, or with ``offsets`` B clouds one after the other.
        count: how many points to pick. Beyond the number of different points the lowest index comes
            again and again.
        offsets: (B + 1,), where each cloud begins; indices count from the start of their cloud.
        start: the first pick. Each further pick is the point whose squared distance (in float32) to
            the picks before it is largest, the lowest index among equals.
        skip_radius: if above 0, no point within this distance of the origin is picked, except
            ``start``; where no other point is left, the index is 0.

    >>> farthest_points(torch.tensor([[0.0, 0, 0], [1, 0, 0], [5, 0, 0], [2, 0, 0]]), 3).tolist()
    [0, 2, 3]
    """
    xyz = arrays.finite_tensor(OP, "points", points, "P, 3")
    count = checks.whole(OP, "count", count, 1)
    if count > arrays.MAX_CLOUD_SIZE:
        checks.refuse(OP, "count", f"must be at most {arrays.MAX_CLOUD_SIZE}", count)
    bounds = arrays.cloud_offsets(OP, "offsets", offsets, len(xyz))
    start = checks.whole(OP, "start", start, 0)
    sizes = bounds.diff().tolist()
    for cloud, size in enumerate(sizes):
        if start >= size:
            msg = f"{OP}: start is {start}, but the number of points in cloud {cloud} is {size}"
            raise InputError(msg)
    radius = checks.number(OP, "skip_radius", skip_radius, 0.0)
    skip_norm2 = radius * radius if radius > 0 else -1.0
    clouds, largest = len(sizes), max(sizes, default=0)
    picks = torch.empty(clouds, count, dtype=torch.int32, device=xyz.device)
    bounds = arrays.offsets_on_device_of(bounds, xyz)
    scratch = dispatch.scratch(OP, xyz, len(xyz), largest)
    arguments = (bounds, clouds, count, start, skip_norm2, picks)
    dispatch.launch(OP, xyz, *arguments, gpu_only=(largest, scratch))
    return picks[0] if offsets is None else picks
