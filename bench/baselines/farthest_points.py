"""Choose points far from each other: the published loop, and the exact variants of fpsample."""

from __future__ import annotations

import functools
from collections.abc import Callable

import fpsample
import numpy as np
import torch


def farthest_points(points: torch.Tensor, count: int) -> torch.Tensor:
    """points: (P, 3) -> indices (count,). Points close to the origin are skipped, as published."""
    x, y, z = points.T.contiguous()
    nearest = torch.where(x * x + y * y + z * z > 1e-3, float("inf"), -1.0)
    centers = [0]
    while len(centers) < count:
        last = centers[-1]
        dx, dy, dz = x - x[last], y - y[last], z - z[last]
        nearest = torch.minimum(nearest, dx * dx + dy * dy + dz * dz)
        centers.append(int(nearest.argmax()))
    return torch.tensor(centers)


def fpsample_variants(points: np.ndarray, count: int) -> list[Callable[[], np.ndarray]]:
    """Return the bucketed variants: exact, but each begins at a point of its own choice."""
    by_height = functools.partial(fpsample.bucket_fps_kdline_sampling, points, count, start_idx=0)
    variants = [functools.partial(by_height, h=height) for height in range(3, 10)]
    tree = functools.partial(fpsample.bucket_fps_kdtree_sampling, points, count, start_idx=0)
    return [*variants, tree]
