from __future__ import annotations

from collections.abc import Sequence

import torch

from musc2.errors import InputError
from musc2.ops._support import arrays, gpu, native


def nearest_points(
    points: arrays.Array,
    queries: arrays.Array,
    k: int,
    *,
    offsets: arrays.Array | Sequence[int] | None = None,
    query_offsets: arrays.Array | Sequence[int] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """points: (P, 3) float32, queries: (Q, 3) float32 -> index (Q, k) int32 and squared distance (Q, k) float32.

    The ``k`` (at most 1024) nearest points of each query, nearest first, the lowest index first among equals.

    With ``offsets`` (B+1,) and ``query_offsets`` (B+1,), points and queries are B clouds each, one after the other. A
    query looks at the points of its own cloud, and indices count from the beginning of that.

    >>> index, distance2 = nearest_points(torch.tensor([[0.0, 0, 0], [1, 0, 0], [3, 0, 0]]), torch.zeros(1, 3), 2)
    >>> index.tolist(), distance2.tolist()
    ([[0, 1]], [[0.0, 1.0]])
    """
    op = "nearest_points"
    xyz = arrays.finite(op, "points", arrays.tensor(op, "points", points, "P, 3"))
    places = arrays.finite(op, "queries", arrays.tensor(op, "queries", queries, "Q, 3"))
    arrays.check_same_device(op, points=xyz, queries=places)
    k = arrays.whole(op, "k", k, 1, arrays.MOST_NEIGHBORS)
    bounds = arrays.clouds(op, "offsets", offsets, len(xyz))
    query_bounds = arrays.check_offsets(op, "query_offsets", query_offsets, len(places), "queries")
    if len(query_bounds) != len(bounds):
        msg = f"{op}: query_offsets must name {len(bounds) - 1} clouds like offsets, got {len(query_bounds) - 1}"
        raise InputError(msg)
    for cloud, size in enumerate(bounds.diff().tolist()):
        if k > size:
            msg = f"{op}: k must be at most the number of points, got {k} with {size} points in cloud {cloud}"
            raise InputError(msg)
    index = torch.empty(len(places), k, dtype=torch.int32, device=xyz.device)
    distance2 = torch.empty(len(places), k, dtype=torch.float32, device=xyz.device)
    most_queries = max(query_bounds.diff().tolist(), default=0)
    bounds, query_bounds = arrays.offsets_on_device_of(bounds, xyz), arrays.offsets_on_device_of(query_bounds, places)
    kernels = native.kernels(xyz)
    kernels.nearest_points(
        xyz.data_ptr(),
        bounds.data_ptr(),
        len(bounds) - 1,
        places.data_ptr(),
        query_bounds.data_ptr(),
        k,
        index.data_ptr(),
        distance2.data_ptr(),
        *([most_queries] if isinstance(kernels, gpu.Launcher) else []),
    )
    return index, distance2
