from __future__ import annotations

import torch

from musc2 import _cpu
from musc2.errors import InputError
from musc2.ops._support import arrays


def cluster_grid(
    xyz: arrays.Array, *, eps: float, min_points: int, foreground: arrays.Array | None = None
) -> torch.Tensor:
    """xyz: (H, W, 3) float32 -> labels (H, W) int32: DBSCAN's clusters of an xyz map, equal to scikit-learn's labels.

    Points with at least ``min_points`` points, themselves among them, within ``eps`` are core; core points within
    ``eps`` of each other share a cluster. Clusters are numbered from 0 by their first core points in row order. Other
    points within ``eps`` of a core point go to the lowest such cluster; the rest is noise, -1, as is the background.

    foreground: (H, W) bool; without it, all with z other than 0. Points that are not finite are background. Neighbours
    in space are found wherever they are on the map.

    >>> line = torch.tensor([0.0, 1, 2, 9, 20, 21, 22]).reshape(1, 7, 1)
    >>> cluster_grid(torch.cat([line, line * 0, line * 0 + 1], 2), eps=1.5, min_points=3)
    tensor([[ 0,  0,  0, -1,  1,  1,  1]], dtype=torch.int32)
    """
    op = "cluster_grid"
    points = arrays.tensor(op, "xyz", xyz, "H, W, 3")
    if points[..., 0].numel() >= 2**31:
        msg = f"{op}: xyz must have fewer than 2**31 points, got {points[..., 0].numel()}"
        raise InputError(msg)
    radius = arrays.number(op, "eps", eps, 1e-18)
    least = arrays.whole(op, "min_points", min_points, 1)
    chosen = _chosen(points, foreground)
    labels = torch.empty(points.shape[:2], dtype=torch.int32)
    found = _cpu.cluster_grid(points.data_ptr(), chosen.data_ptr(), labels.numel(), radius, least, labels.data_ptr())
    if found < 0:
        low, high = points[chosen & points.isfinite().all(dim=2)].aminmax(dim=0)
        msg = f"{op}: xyz must span at most half a million eps along each axis, got {float((high - low).max()):g}"
        raise InputError(msg)
    return labels


def _chosen(points: torch.Tensor, foreground: arrays.Array | None) -> torch.Tensor:
    if foreground is None:
        return points[..., 2] != 0
    chosen = arrays.tensor("cluster_grid", "foreground", foreground, "H, W", torch.bool)
    if chosen.shape != points.shape[:2]:
        msg = f"cluster_grid: foreground must have shape {tuple(points.shape[:2])} as xyz, got {tuple(chosen.shape)}"
        raise InputError(msg)
    return chosen
