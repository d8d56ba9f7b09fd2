from __future__ import annotations

import torch

from musc2 import checks
from musc2.ops._support import arrays, dispatch

OP = "cluster_grid"


def cluster_grid(
    xyz: arrays.Array, *, eps: float, min_points: int, foreground: arrays.Array | None = None
) -> torch.Tensor:
    """Return the DBSCAN clusters of an xyz map, with scikit-learn's labels.

    xyz: (H, W, 3) float32 -> (H, W) int32

    Points with at least ``min_points`` points, themselves included, within ``eps`` are core points;
    core points within ``eps`` of each other share a cluster. Clusters are numbered from 0 by their
    first core points in row order. Other points within ``eps`` of a core point join the lowest such
    cluster. The rest is noise, -1, and so is the background. Neighbors in space are found wherever
    they are on the map.

    foreground: (H, W) bool; by default the points whose z is not 0. Points that are not finite are
    background.

    >>> line = torch.tensor([0.0, 1, 2, 9, 20, 21, 22]).reshape(1, 7, 1)
    >>> cluster_grid(torch.cat([line, line * 0, line * 0 + 1], 2), eps=1.5, min_points=3)
    tensor([[ 0,  0,  0, -1,  1,  1,  1]], dtype=torch.int32)
    """
    points = arrays.tensor(OP, "xyz", xyz, "H, W, 3")
    height, width, _ = points.shape
    if height * width >= 2**31:
        checks.refuse(OP, "xyz", "must have fewer than 2**31 points", height * width)
    eps = checks.number(OP, "eps", eps, 1e-18, 1e18)
    min_points = checks.whole(OP, "min_points", min_points, 1)
    mask = _foreground(points, foreground)
    labels = torch.empty(height, width, dtype=torch.int32)
    status = dispatch.launch(OP, points, mask, labels.numel(), eps, min_points, labels)
    if status < 0:
        low, high = points[mask & points.isfinite().all(dim=2)].aminmax(dim=0)
        requirement = "must span at most half a million eps along each axis"
        checks.refuse(OP, "xyz", requirement, f"{float((high - low).max()):g}")
    return labels


def _foreground(points: torch.Tensor, foreground: arrays.Array | None) -> torch.Tensor:
    if foreground is None:
        return points[..., 2] != 0
    mask = arrays.tensor(OP, "foreground", foreground, "H, W", torch.bool)
    size = tuple(points.shape[:2])
    if mask.shape != size:
        checks.refuse(OP, "foreground", f"must have shape {size} as xyz", tuple(mask.shape))
    return mask
