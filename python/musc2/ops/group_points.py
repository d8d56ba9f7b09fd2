from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from musc2 import checks
from musc2.ops._support import arrays, dispatch

OP = "group_points"


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Groups of points around centers; in a packed batch every array has an axis B in front.

    index: (G, size) int32, the points of each group
    curvature: (G,) float32, of the surface at the center
    neighborhood: (G, size, 3) float32, the points of each group minus its center
    """

    index: torch.Tensor
    curvature: torch.Tensor
    neighborhood: torch.Tensor


def group_points(
    points: arrays.Array,
    centers: arrays.Array,
    *,
    size: int = 128,
    start: int = 80,
    search: int = 256,
    curvature_threshold: float = 0.01,
    unique: bool = False,
    offsets: arrays.Array | Sequence[int] | None = None,
) -> Groups:
    """Return a group of points around each center, grown along curved surfaces (IPG).

    points: (P, 3) float32, centers: (G,) int32 or int64 -> Groups

    Args:
        points: the cloud, or with ``offsets`` B clouds one after the other.
        centers: indices of points; with ``offsets`` (B, G), counted from the start of their cloud.
        size: members of a group. A group of m < ``size`` members is repeated from its front (entry
            i is entry i mod m).
        start: members that a curved group starts with, and the most that a step of growth adds.
        search: nearest points of the center that a group may hold; at most the whole cloud.
        curvature_threshold: below it a group is the ``size`` nearest points of its center.
        unique: add each point once, by its distance to the nearest member. False, as published: add
            the nearest pairs of member and point, so that a point may come in several times.
        offsets: (B + 1,), where each cloud begins; indices count from the start of their cloud.

    Curvature is the smallest eigenvalue of the covariance of the ``size`` nearest points without
    the center, as a share of all three; 0 where the points coincide. A curved group begins with its
    ``start`` nearest points; each step puts the next ones, nearest to the group, in front of it.
    """
    xyz = arrays.finite_tensor(OP, "points", points, "P, 3")
    bounds = arrays.cloud_offsets(OP, "offsets", offsets, len(xyz))
    rows = arrays.indices(OP, "centers", centers, "G" if offsets is None else "B, G")
    rows = rows[None] if offsets is None else rows
    arrays.check_same_device(OP, points=xyz, centers=rows)
    arrays.check_centers(OP, rows, bounds)
    size = checks.whole(OP, "size", size, 1, arrays.MAX_NEIGHBORS)
    search = checks.whole(OP, "search", search, 1, arrays.MAX_NEIGHBORS)
    start = min(checks.whole(OP, "start", start, 1), size)
    threshold = checks.number(OP, "curvature_threshold", curvature_threshold, 0.0)
    unique = checks.switch(OP, "unique", unique)
    clouds, count = rows.shape
    index = xyz.new_empty(clouds, count, size, dtype=torch.int32)
    curvature = xyz.new_empty(clouds, count)
    neighborhood = xyz.new_empty(clouds, count, size, 3)
    bounds = arrays.offsets_on_device_of(bounds, xyz)
    scratch = dispatch.scratch(OP, xyz, clouds, count, search)
    settings = (size, start, search, threshold, unique)
    results = (index, curvature, neighborhood)
    dispatch.launch(OP, xyz, bounds, clouds, rows, count, *settings, *results, gpu_only=(scratch,))
    if offsets is None:
        index, curvature, neighborhood = index[0], curvature[0], neighborhood[0]
    return Groups(index=index, curvature=curvature, neighborhood=neighborhood)
