from __future__ import annotations

from collections.abc import Sequence

import torch

from musc2 import checks
from musc2.errors import InputError
from musc2.ops._support import arrays, dispatch

OP = "nearest_points"


def nearest_points(
    points: arrays.Array,
    queries: arrays.Array,
    k: int,
    *,
    offsets: arrays.Array | Sequence[int] | None = None,
    query_offsets: arrays.Array | Sequence[int] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the ``k`` nearest points of each query and their squared distances, nearest first.

    points: (P, 3) float32, queries: (Q, 3) float32
    -> index (Q, k) int32, squared distance (Q, k) float32

    Args:
        points: the cloud, or with ``offsets`` B clouds one after the other.
        queries: where to search from; with ``query_offsets`` for B clouds one after the other.
        k: from 1 to 1024. The lowest index comes first among points of equal distance.
        offsets: (B + 1,), where the points of each cloud begin. A query sees the points of its own
            cloud, and indices count from the start of that cloud.
        query_offsets: (B + 1,), where the queries of each cloud begin.

    >>> line = torch.tensor([[0.0, 0, 0], [1, 0, 0], [3, 0, 0]])
    >>> index, distance2 = nearest_points(line, torch.zeros(1, 3), 2)
    >>> index.tolist(), distance2.tolist()
    ([[0, 1]], [[0.0, 1.0]])
    """
    xyz = arrays.finite_tensor(OP, "points", points, "P, 3")
    origins = arrays.finite_tensor(OP, "queries", queries, "Q, 3")
    arrays.check_same_device(OP, points=xyz, queries=origins)
    k = checks.whole(OP, "k", k, 1, arrays.MAX_NEIGHBORS)
    bounds = arrays.cloud_offsets(OP, "offsets", offsets, len(xyz))
    query_bounds = arrays.check_offsets(OP, "query_offsets", query_offsets, len(origins), "queries")
    sizes, query_counts = bounds.diff().tolist(), query_bounds.diff().tolist()
    clouds = len(sizes)
    if len(query_counts) != clouds:
        msg = (
            f"{OP}: offsets describes {clouds} clouds "
            f"but query_offsets describes {len(query_counts)}"
        )
        raise InputError(msg)
    for cloud, size in enumerate(sizes):
        if k > size:
            msg = f"{OP}: k is {k}, but the number of points in cloud {cloud} is {size}"
            raise InputError(msg)
    index = xyz.new_empty(len(origins), k, dtype=torch.int32)
    distance2 = xyz.new_empty(len(origins), k)
    most_queries = max(query_counts, default=0)
    bounds = arrays.offsets_on_device_of(bounds, xyz)
    query_bounds = arrays.offsets_on_device_of(query_bounds, origins)
    arguments = (bounds, clouds, origins, query_bounds, k, index, distance2)
    dispatch.launch(OP, xyz, *arguments, gpu_only=(most_queries,))
    return index, distance2
