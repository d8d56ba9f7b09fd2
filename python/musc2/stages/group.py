"""Point groups, ALGORITHM.md §2: the foreground points of samples as centers with their groups."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch

from musc2 import ops
from musc2.ops.group_points import Groups
from musc2.types import Cloud


def group_clouds(
    points: Sequence[torch.Tensor],
    pixels: Sequence[torch.Tensor | None] | None = None,
    sizes: Sequence[tuple[int, int] | None] | None = None,
    *,
    count: int = 1024,
    group_size: int = 128,
    start: int = 80,
    search: int = 256,
    threshold: float = 0.01,
    unique: bool = True,
    skip_radius: float = 0.0,
    device: str = "cpu",
) -> list[tuple[Cloud, Groups]]:
    """points: (P, 3) float32, pixels: (P,) in a map of the size, all of each sample -> the clouds and, on ``device``,
    their groups.

    All samples go through each op in one call, and their groups lie in the same memory.
    """
    ends = [0, *accumulate(len(each) for each in points)]
    together = (points[0] if len(points) == 1 else torch.cat(list(points))).to(device)
    centers = ops.farthest_points(together, count, offsets=ends, skip_radius=skip_radius)
    groups = ops.group_points(
        together,
        centers,
        offsets=ends,
        size=group_size,
        start=start,
        search=search,
        threshold=threshold,
        unique=unique,
    )
    nothing = [None] * len(points)
    samples = zip(points, pixels or nothing, sizes or nothing, centers.cpu(), groups.curvature.cpu(), strict=True)
    clouds = [
        Cloud(points=xyz, centers=own, curvature=curvature, pixels=where, size=size)
        for xyz, where, size, own, curvature in samples
    ]
    each = zip(groups.index, groups.curvature, groups.neighbourhood, strict=True)
    return [
        (cloud, Groups(index=index, curvature=curvature, neighbourhood=neighbourhood))
        for cloud, (index, curvature, neighbourhood) in zip(clouds, each, strict=True)
    ]
