"""The published formulas from tokens and clouds to scores and maps, in plain torch, composed of the benches' baselines.

One sample at a time, as published: all neighbours of all points, windows unfolded, torch.cdist to all other samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from clouds import SIDE
from torch.nn.functional import interpolate
from torch.nn.functional import normalize as unit

import bench_enhance
import bench_group_points
import bench_nearest_patches
import bench_pool_centers
import bench_pool_grid
import bench_rescore
import bench_spread_points
from musc2.encoders.learned import one_thread
from musc2.progress import Progress
from musc2.stages.maps import quantised_blur


@dataclass(frozen=True, kw_only=True)
class Parts:
    """image: (N, layers, h, w, C), point: (N, layers, G, C'), points: N (P, 3) with their pixels (P,)."""

    image: torch.Tensor
    point: torch.Tensor
    points: list[torch.Tensor]
    pixels: list[torch.Tensor]


def published(
    parts: Parts, items: Sequence[int], clock: Progress, *, stable: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Image scores (n,) and maps (n, H, W) of the samples ``items`` among all; exact where these are all samples.

    Else the others' tokens are not aggregated, which takes no part in the time of ``items``. stable: rank matching with
    a stable sort, as ours has it; not as published, where patches without a group trade places at random.
    """
    count, layers, groups = len(parts.image), parts.image.shape[1], parts.point.shape[2]
    with clock("group"), one_thread():  # which is faster for so many small steps
        grouped = [group(parts.points[i], groups) for i in items]
    with clock("enhance"):
        links = [
            link(parts.pixels[i][found[0]], parts.image.shape[2:4]) for i, found in zip(items, grouped, strict=True)
        ]
    image, point = torch.zeros(len(items), len(links[0][0])), torch.zeros(len(items), groups)
    lowest = int(0.3 * (count - 1))
    for layer in range(layers):
        z_2d, z_3d = unit(parts.image[:, layer].flatten(1, 2), dim=-1), unit(parts.point[:, layer], dim=-1)
        with clock("aggregate"):
            for i, (centers, curvature) in zip(items, grouped, strict=True):
                pooled = bench_pool_grid.unfolded(parts.image[i : i + 1, layer])
                z_2d[i] = unit(pooled.flatten(1, 2), dim=-1)
                tokens = unit(parts.point[i, layer], dim=-1)
                z_3d[i] = bench_pool_centers.published(tokens, parts.points[i][centers], curvature)
        for n, i in enumerate(items):
            others = torch.arange(count) != i
            with clock("mutual"):
                a, b = (bench_nearest_patches.published_row(z[i], z)[:, others] for z in (z_2d, z_3d))
            with clock("enhance"):
                a, b = bench_enhance.published(a, b, *links[n], stable)
            with clock("mutual"):
                for scores, d in ((image, a), (point, b)):
                    scores[n] += d.topk(lowest, largest=False).values.mean(-1) / layers
        if layer == layers - 2:
            kept = z_2d[items], z_3d[items]
    with clock("maps"):
        maps = interpolate(
            image.reshape(-1, 1, *parts.image.shape[2:4]), (SIDE, SIDE), mode="bilinear", align_corners=True
        )[:, 0]
        for n, i in enumerate(items):
            spread = torch.zeros(SIDE * SIDE)
            spread[parts.pixels[i]] = bench_spread_points.published(
                parts.points[i], parts.points[i][grouped[n][0]], point[n]
            )
            maps[n] += quantised_blur(spread.reshape(SIDE, SIDE), 4.0)
    with clock("rescore"):
        every = torch.arange(len(items))
        salient = [z[every, scores.argmax(1)] for z, scores in zip(kept, (image, point), strict=True)]
        scores = bench_rescore.published(torch.cat(salient, 1), maps.amax((1, 2)), (1, min(7, len(items))))
    return scores, maps


def group(points: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The centers of one cloud and their curvature."""
    centers = farthest(points, count)
    return centers, bench_group_points.published(points, centers)[1]


def farthest(points: torch.Tensor, count: int) -> torch.Tensor:
    """Points close to the origin are never chosen, as published."""
    x, y, z = points.T.contiguous()
    nearest = torch.where(x * x + y * y + z * z > 1e-3, float("inf"), -1.0)
    centers = [0]
    while len(centers) < count:
        last = centers[-1]
        dx, dy, dz = x - x[last], y - y[last], z - z[last]
        nearest = torch.minimum(nearest, dx * dx + dy * dy + dz * dz)
        centers.append(int(nearest.argmax()))
    return torch.tensor(centers)


def link(pixels: torch.Tensor, grid: Sequence[int]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """The groups of each patch and the patch of each group."""
    patch = (pixels // SIDE * grid[0] // SIDE) * grid[1] + pixels % SIDE * grid[1] // SIDE
    return [torch.where(patch == q)[0] for q in range(grid[0] * grid[1])], list(patch.reshape(-1, 1))
