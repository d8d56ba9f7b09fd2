from __future__ import annotations

from collections.abc import Sequence

import torch

from musc2.errors import InputError
from musc2.ops._support import arrays, gpu, native


def farthest_points(
    points: arrays.Array,
    count: int,
    *,
    offsets: arrays.Array | Sequence[int] | None = None,
    start: int = 0,
    skip_radius: float = 0.0,
) -> torch.Tensor:
    """points: (P, 3) float32 -> (count,) int32, indices of points that are far from each other.

    The first is ``start``, and each further one is the point whose squared distance (float32) to those before it is
    largest, the lowest index among equals. So with ``count`` beyond the number of different points, the lowest index
    comes again and again. With ``skip_radius`` above 0, points no farther than that from the origin are never taken,
    except ``start``; where no other point is left, the index is 0.

    With ``offsets`` (B+1,) the points are B clouds one after the other, (T, 3); the result is (B, count), and its
    indices count from the beginning of their cloud.

    >>> farthest_points(torch.tensor([[0.0, 0, 0], [1, 0, 0], [5, 0, 0], [2, 0, 0]]), 3).tolist()
    [0, 2, 3]
    """
    op = "farthest_points"
    xyz = arrays.finite(op, "points", arrays.tensor(op, "points", points, "P, 3"))
    count = arrays.whole(op, "count", count, 1)
    bounds = arrays.clouds(op, "offsets", offsets, len(xyz))
    start = arrays.whole(op, "start", start, 0)
    sizes = bounds.diff().tolist()
    for cloud, size in enumerate(sizes):
        if start >= size:
            msg = f"{op}: start must be below the number of points, got {start} with {size} points in cloud {cloud}"
            raise InputError(msg)
    radius = arrays.number(op, "skip_radius", skip_radius, 0.0)
    picks = torch.empty(len(sizes), count, dtype=torch.int32, device=xyz.device)
    skip_norm2 = radius * radius if radius > 0 else -1.0
    bounds = arrays.offsets_on_device_of(bounds, xyz)
    arguments = (xyz.data_ptr(), bounds.data_ptr(), len(sizes), count, start, skip_norm2, picks.data_ptr())
    kernels = native.kernels(xyz)
    if isinstance(kernels, gpu.Launcher):
        largest = max(sizes, default=0)
        scratch = kernels.scratch(op, len(xyz), largest)
        kernels.farthest_points(*arguments, largest, scratch.data_ptr())
    else:
        kernels.farthest_points(*arguments)
    return picks[0] if offsets is None else picks
