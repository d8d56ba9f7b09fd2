"""Calls of the ops on points: how they are searched, grouped and described."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from bench.gpu.cases import Arrays, Case, Size, case, ends, scans
from bench.gpu.comparisons import close, equal
from musc2 import ops


def cases(size: Size) -> Iterator[Case]:
    """Yield the cases of the ops on points."""
    clouds = scans(size)
    every, to_points = size.clouds, ends(size.clouds, size.points)
    to_centers = ends(size.clouds, size.centers)
    chosen = torch.arange(size.centers) * (size.points // size.centers)
    centers = clouds[:, chosen].flatten(0, 1)
    values = torch.rand(len(centers), generator=torch.Generator().manual_seed(1))
    packed, some = clouds.flatten(0, 1), min(8, size.clouds)

    def farthest(points: torch.Tensor, count: int = every, radius: float = 0.0) -> Arrays:
        offsets = to_points[: count + 1]
        picks = ops.farthest_points(
            points[: offsets[-1]], size.centers, offsets=offsets, skip_radius=radius
        )
        return (picks,)

    def nearest(points: torch.Tensor, queries: torch.Tensor) -> Arrays:
        return ops.nearest_points(
            points, queries, size.search, offsets=to_points, query_offsets=to_centers
        )

    def groups(points: torch.Tensor, middles: torch.Tensor, unique: bool) -> Arrays:
        members = {"size": size.search // 2, "start": size.search // 3, "search": size.search}
        result = ops.group_points(points, middles, offsets=to_points, unique=unique, **members)
        return result.index, result.curvature, result.neighborhood

    def spread(points: torch.Tensor, middles: torch.Tensor, weights: torch.Tensor) -> Arrays:
        result = ops.spread_points(
            points, middles, weights, offsets=to_points, center_offsets=to_centers
        )
        return (result,)

    def normals(points: torch.Tensor) -> Arrays:
        return ops.point_normals(points, offsets=to_points)

    def surface() -> Arrays:
        return packed, *normals(packed), chosen.repeat(every, 1)

    def histograms(*surface: torch.Tensor) -> Arrays:
        scales = (size.search // 4, size.search // 2, size.search)
        return (ops.group_histograms(*surface, scales=scales, offsets=to_points),)

    for radius in (0.0, 0.03):
        yield case(
            f"farthest_points {size.name}, skip_radius {radius:g}",
            lambda: (packed,),
            lambda points, radius=radius: farthest(points, radius=radius),
            equal,
            lambda points, radius=radius: farthest(points, some, radius),
        )
    yield case(f"nearest_points {size.name}", lambda: (packed, centers), nearest, equal)
    for unique in (True, False):
        yield case(
            f"group_points {size.name}, unique {unique}",
            lambda: (packed, chosen.repeat(every, 1)),
            lambda points, middles, unique=unique: groups(points, middles, unique),
            equal,
        )
    yield case(
        f"spread_points {size.name}", lambda: (packed, centers, values), spread, close(1e-6, 0.0)
    )
    yield case(f"point_normals {size.name}", lambda: (packed,), normals, equal)
    yield case(f"group_histograms {size.name}", surface, histograms, equal)
