from __future__ import annotations

from collections.abc import Sequence

import torch

from musc2 import checks
from musc2.ops._support import arrays, dispatch

OP = "point_normals"


def point_normals(
    points: arrays.Array,
    *,
    neighbors: int = 24,
    sensor: Sequence[float] = (0.0, 0.0, -1.0),
    offsets: arrays.Array | Sequence[int] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the surface normal at each point and how much the surface varies there.

    points: (P, 3) float32 -> normals (P, 3) float32 of unit length, variation (P,) float32

    neighbors: how many nearest points, the point itself included, the covariance is of; at most the
    whole cloud. Its axis of the smallest eigenvalue is turned to the side of ``sensor`` and then
    averaged over the neighbors: the normal. The smallest eigenvalue as a share of all three is the
    variation, 0 where the points coincide.

    sensor: a direction; the default fits depth cameras, whose z grows away from them.
    offsets: (B + 1,), where each of B clouds, one after the other, begins.

    >>> flat = torch.cat([torch.rand(50, 2), torch.zeros(50, 1)], 1)
    >>> normals, variation = point_normals(flat)
    >>> normals[0].tolist(), float(variation.max())
    ([0.0, 0.0, -1.0], 0.0)
    """
    xyz = arrays.coordinates(OP, "points", points, "P, 3")
    bounds = arrays.cloud_offsets(OP, "offsets", offsets, len(xyz))
    neighbors = checks.whole(OP, "neighbors", neighbors, 1, arrays.MAX_NEIGHBORS)
    direction = _direction(sensor)
    normals, variation = torch.empty_like(xyz), xyz.new_empty(len(xyz))
    sizes = bounds.diff().tolist()
    clouds, largest = len(sizes), max(sizes, default=0)
    neighbors = min(neighbors, largest)
    scratch = dispatch.scratch(OP, xyz, len(xyz), clouds, neighbors)
    bounds = arrays.offsets_on_device_of(bounds, xyz)
    arguments = (bounds, clouds, direction, neighbors, normals, variation)
    dispatch.launch(OP, xyz, *arguments, gpu_only=(len(xyz), largest, scratch))
    return normals, variation


def _direction(sensor: Sequence[float]) -> torch.Tensor:
    requirement = "must be three finite numbers, not all zero"
    if not isinstance(sensor, list | tuple) or len(sensor) != 3:
        checks.refuse(OP, "sensor", requirement, checks.shortened(sensor))
    if not all(map(checks.is_number, sensor)) or max(map(abs, sensor)) > checks.MAX_NUMBER:
        checks.refuse(OP, "sensor", requirement, checks.shortened(sensor))
    direction = torch.tensor(sensor, dtype=torch.float32)
    if not bool(direction.any()):
        checks.refuse(OP, "sensor", requirement, checks.shortened(sensor))
    return direction
