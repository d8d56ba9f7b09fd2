"""The published formulas from tokens and clouds to scores and maps, in plain torch, composed of the benches' baselines.

One sample at a time, as published: all neighbors of all points, windows unfolded, torch.cdist to all other samples.
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
from musc2.ops._support.threads import one_thread
from musc2.progress import Progress
from musc2.stages.maps import quantized_blur

Links = tuple[list[torch.Tensor], list[torch.Tensor]]


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
    layers = parts.image.shape[1]
    with clock("group"), one_thread():  # which is faster for so many small steps
        grouped = [group(parts.points[i], parts.point.shape[2]) for i in items]
    centers = [found[0] for found in grouped]
    with clock("enhance"):
        links = [link(parts.pixels[i][own], parts.image.shape[2:4]) for i, own in zip(items, centers, strict=True)]
    runs = []
    for layer in range(layers):
        z = aggregated(parts, layer, items, grouped, clock)
        runs.append(layer_scores(z, items, links, clock, stable))
        if layer == layers - 2:
            kept = [each[items] for each in z]
    image, point = (torch.stack(each).mean(0) for each in zip(*runs, strict=True))
    with clock("maps"):
        maps = summed_maps(parts, items, centers, image, point)
    with clock("rescore"):
        every = torch.arange(len(items))
        salient = [z[every, scores.argmax(1)] for z, scores in zip(kept, (image, point), strict=True)]
        scores = bench_rescore.published(torch.cat(salient, 1), maps.amax((1, 2)), (1, min(7, len(items))))
    return scores, maps


def aggregated(
    parts: Parts, layer: int, items: Sequence[int], grouped: list[tuple[torch.Tensor, torch.Tensor]], clock: Progress
) -> list[torch.Tensor]:
    """The features (N, L, C) of both modalities; of samples that are not among ``items``, their tokens."""
    z_2d, z_3d = unit(parts.image[:, layer].flatten(1, 2), dim=-1), unit(parts.point[:, layer], dim=-1)
    with clock("aggregate"):
        for i, (centers, curvature) in zip(items, grouped, strict=True):
            pooled = bench_pool_grid.unfolded(parts.image[i : i + 1, layer])
            z_2d[i] = unit(pooled.flatten(1, 2), dim=-1)
            tokens = unit(parts.point[i, layer], dim=-1)
            z_3d[i] = bench_pool_centers.published(tokens, parts.points[i][centers], curvature)
    return [z_2d, z_3d]


def layer_scores(
    z: list[torch.Tensor], items: Sequence[int], links: list[Links], clock: Progress, stable: bool
) -> list[torch.Tensor]:
    """The scores (n, L) of both modalities."""
    count = len(z[0])
    lowest = int(0.3 * (count - 1))
    rows = []
    for i, links_of_i in zip(items, links, strict=True):
        others = torch.arange(count) != i
        with clock("mutual"):
            d = [bench_nearest_patches.published_row(each[i], each)[:, others] for each in z]
        with clock("enhance"):
            d = list(bench_enhance.published(d[0], d[1], *links_of_i, stable))
        with clock("mutual"):
            rows.append([each.topk(lowest, largest=False).values.mean(-1) for each in d])
    return [torch.stack(each) for each in zip(*rows, strict=True)]


def summed_maps(
    parts: Parts, items: Sequence[int], centers: list[torch.Tensor], image: torch.Tensor, point: torch.Tensor
) -> torch.Tensor:
    """(n, H, W)"""
    grid = image.reshape(len(items), 1, *parts.image.shape[2:4])
    maps = interpolate(grid, (SIDE, SIDE), mode="bilinear", align_corners=True)[:, 0]
    for row, i, own, scores in zip(maps, items, centers, point, strict=True):
        flat = torch.zeros(SIDE * SIDE)
        flat[parts.pixels[i]] = bench_spread_points.published(parts.points[i], parts.points[i][own], scores)
        row += quantized_blur(flat.reshape(SIDE, SIDE), 4.0)
    return maps


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


def link(pixels: torch.Tensor, grid: Sequence[int]) -> Links:
    """The groups of each patch and the patch of each group."""
    patch = (pixels // SIDE * grid[0] // SIDE) * grid[1] + pixels % SIDE * grid[1] // SIDE
    return [torch.where(patch == q)[0] for q in range(grid[0] * grid[1])], list(patch.reshape(-1, 1))
