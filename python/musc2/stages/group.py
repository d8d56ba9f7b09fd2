"""Point groups, ALGORITHM.md §2: the foreground points of a sample as centers with their groups."""

from __future__ import annotations

import torch

from musc2 import ops
from musc2.ops.group_points import Groups
from musc2.types import Cloud


def group_cloud(
    points: torch.Tensor,
    pixels: torch.Tensor | None = None,
    size: tuple[int, int] | None = None,
    *,
    count: int = 1024,
    group_size: int = 128,
    start: int = 80,
    search: int = 256,
    threshold: float = 0.01,
    unique: bool = True,
    skip_radius: float = 0.0,
    device: str = "cpu",
) -> tuple[Cloud, Groups]:
    """points: (P, 3) float32, pixels: (P,) in the map of ``size`` -> the cloud and, on ``device``, its groups."""
    there = points.to(device)
    centers = ops.farthest_points(there, count, skip_radius=skip_radius)
    groups = ops.group_points(
        there, centers, size=group_size, start=start, search=search, threshold=threshold, unique=unique
    )
    return Cloud(points=points, centers=centers, curvature=groups.curvature, pixels=pixels, size=size), groups
