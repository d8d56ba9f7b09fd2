from __future__ import annotations

from collections.abc import Sequence

import torch

from musc2 import _cpu
from musc2.errors import InputError
from musc2.ops._support import arrays


def point_normals(
    points: arrays.Array,
    *,
    neighbors: int = 24,
    sensor: Sequence[float] = (0.0, 0.0, -1.0),
    offsets: arrays.Array | Sequence[int] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """points: (P, 3) float32 -> normals (P, 3) float32 of unit length and variation (P,) float32.

    From the covariance of the ``neighbors`` nearest points (the point itself among them; all points, where a cloud
    has fewer): the axis of the smallest eigenvalue, turned to the side of ``sensor`` (a direction; the default fits
    depth cameras, whose z grows away from them) and then averaged over the neighbors; and the smallest eigenvalue as
    a share of all three, 0 where all points are at one place.

    With ``offsets`` (B+1,) the points are B clouds, one after the other.

    >>> flat = torch.cat([torch.rand(50, 2), torch.zeros(50, 1)], 1)
    >>> normals, variation = point_normals(flat)
    >>> normals[0].tolist(), float(variation.max())
    ([0.0, 0.0, -1.0], 0.0)
    """
    op = "point_normals"
    xyz = arrays.coordinates(op, "points", points, "P, 3")
    bounds = arrays.clouds(op, "offsets", offsets, len(xyz))
    neighbors = arrays.whole(op, "neighbors", neighbors, 1, arrays.MOST_NEIGHBORS)
    direction = torch.tensor(list(sensor), dtype=torch.float32)
    if direction.shape != (3,) or not bool(torch.isfinite(direction).all()) or not bool(direction.any()):
        msg = f"{op}: sensor must be three finite numbers, not all zero, got {sensor!r}"
        raise InputError(msg)
    normals = torch.empty(len(xyz), 3)
    variation = torch.empty(len(xyz))
    _cpu.point_normals(
        xyz.data_ptr(),
        bounds.data_ptr(),
        len(bounds) - 1,
        direction.data_ptr(),
        neighbors,
        normals.data_ptr(),
        variation.data_ptr(),
    )
    return normals, variation
