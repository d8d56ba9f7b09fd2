from __future__ import annotations

from collections.abc import Sequence

import torch

from musc2 import checks
from musc2.errors import InputError
from musc2.ops._support import arrays, dispatch

OP = "spread_points"


def spread_points(
    points: arrays.Array,
    centers: arrays.Array,
    values: arrays.Array,
    *,
    neighbors: int = 3,
    offsets: arrays.Array | Sequence[int] | None = None,
    center_offsets: arrays.Array | Sequence[int] | None = None,
) -> torch.Tensor:
    """Return the values of the centers, interpolated at the points.

    points: (P, 3), centers: (G, 3), values: (G,), all float32 -> (P,) float32

    Args:
        points: where to interpolate.
        centers: where the values are known.
        values: one per center.
        neighbors: from 1 to 8 nearest centers, at most all, whose values a point averages with
            weights 1 / (d^2 + 1e-8). The lowest index wins ties.
        offsets: (B + 1,), where the points of each sample of a packed batch begin. Points see the
            centers of their own sample.
        center_offsets: (B + 1,), where the centers and values of each sample begin.

    >>> line = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    >>> spread_points(line[:2], line[::2], torch.tensor([1.0, 3.0]))
    tensor([1., 2.])
    """
    xyz = arrays.coordinates(OP, "points", points, "P, 3")
    center_xyz = arrays.coordinates(OP, "centers", centers, "G, 3")
    center_values = arrays.finite_tensor(OP, "values", values, "G")
    if len(center_values) != len(center_xyz):
        msg = f"{OP}: centers has {len(center_xyz)} rows but values has {len(center_values)}"
        raise InputError(msg)
    neighbors = checks.whole(OP, "neighbors", neighbors, 1, 8)
    bounds = arrays.check_offsets(OP, "offsets", offsets, len(xyz), "points")
    center_bounds = arrays.check_offsets(
        OP, "center_offsets", center_offsets, len(center_xyz), "centers"
    )
    sizes = bounds.diff().tolist()
    _check_batches(sizes, center_bounds.diff().tolist())
    arrays.check_same_device(OP, points=xyz, centers=center_xyz, values=center_values)
    samples, largest = len(sizes), max(sizes, default=0)
    bounds = arrays.offsets_on_device_of(bounds, xyz)
    center_bounds = arrays.offsets_on_device_of(center_bounds, center_xyz)
    spread = xyz.new_empty(len(xyz))
    arguments = (bounds, center_xyz, center_bounds, samples, center_values, neighbors, spread)
    dispatch.launch(OP, xyz, *arguments, gpu_only=(largest,))
    return spread


def _check_batches(point_counts: list[int], center_counts: list[int]) -> None:
    samples = len(point_counts)
    if len(center_counts) != samples:
        msg = (
            f"{OP}: offsets describes {samples} samples "
            f"but center_offsets describes {len(center_counts)}"
        )
        raise InputError(msg)
    for sample in range(samples):
        if point_counts[sample] > 0 and center_counts[sample] == 0:
            msg = f"{OP}: sample {sample} has points but no centers"
            raise InputError(msg)
