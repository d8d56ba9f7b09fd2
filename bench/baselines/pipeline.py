"""The published formulas from tokens and clouds to scores and maps, in plain torch.

One sample at a time, as published: all neighbors of all points, windows unfolded, torch.cdist to
all other samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import interpolate, normalize

from bench.baselines.enhance import enhance
from bench.baselines.farthest_points import farthest_points
from bench.baselines.group_points import group_points
from bench.baselines.link_patches import link_patches, patch_of_groups
from bench.baselines.lowest_mean import lowest_mean
from bench.baselines.nearest_patches import nearest_patches_of
from bench.baselines.pool_centers import pool_centers
from bench.baselines.pool_grid import pool_grid
from bench.baselines.rescore import rescore
from bench.baselines.spread_points import spread_points
from bench.clouds import SIDE
from musc2.maps import quantized_blur
from musc2.ops._support.threads import one_thread
from musc2.progress import StageTimer


@dataclass(frozen=True, kw_only=True)
class PartTokens:
    """Tokens and clouds of N parts.

    image: (N, layers, h, w, C), points: (N, layers, G, C'), xyz: N of (P, 3), pixels: N of (P,).
    """

    image: torch.Tensor
    points: torch.Tensor
    xyz: list[torch.Tensor]
    pixels: list[torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class PartGroups:
    """centers: (G,) with their curvature (G,), and which groups and patches share a place."""

    centers: torch.Tensor
    curvature: torch.Tensor
    groups_of_patch: list[torch.Tensor]
    patch_of_group: list[torch.Tensor]


def pipeline(
    parts: PartTokens, items: Sequence[int], timer: StageTimer, *, stable: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return image scores (n,) and maps (n, H, W) of the samples ``items`` among all.

    Exact where ``items`` are all samples; else the tokens of the others are not aggregated, which
    takes no part in the time of ``items``. stable: rank matching with a stable sort, as musc2 has
    it; not as published, where patches without a group trade places at random.
    """
    groups = group(parts, items, timer)
    layers = parts.image.shape[1]
    image_layers, point_layers = [], []
    for layer in range(layers):
        z_2d, z_3d = aggregate(parts, layer, items, groups, timer)
        scores_2d, scores_3d = layer_scores(z_2d, z_3d, items, groups, timer, stable)
        image_layers.append(scores_2d)
        point_layers.append(scores_3d)
        if layer == layers - 2:
            salient_2d, salient_3d = z_2d[items], z_3d[items]
    image, points = torch.stack(image_layers).mean(0), torch.stack(point_layers).mean(0)
    with timer.stage("maps"):
        maps = summed_maps(parts, items, groups, image, points)
    with timer.stage("rescore"):
        rows = torch.arange(len(items))
        features = [salient_2d[rows, image.argmax(1)], salient_3d[rows, points.argmax(1)]]
        neighbors = (1, min(7, len(items)))
        scores = rescore(torch.cat(features, 1), maps.amax((1, 2)), neighbors)
    return scores, maps


def group(parts: PartTokens, items: Sequence[int], timer: StageTimer) -> list[PartGroups]:
    """Return the groups of the samples ``items``."""
    grid, count = parts.image.shape[2:4], parts.points.shape[2]
    groups = []
    for i in items:
        with timer.stage("group"), one_thread():  # which is faster for so many small steps
            centers = farthest_points(parts.xyz[i], count)
            curvature = group_points(parts.xyz[i], centers)[1]
        with timer.stage("enhance"):
            pixels = parts.pixels[i][centers]
            groups.append(
                PartGroups(
                    centers=centers,
                    curvature=curvature,
                    groups_of_patch=link_patches(pixels, grid),
                    patch_of_group=list(patch_of_groups(pixels, grid).reshape(-1, 1)),
                )
            )
    return groups


def aggregate(
    parts: PartTokens,
    layer: int,
    items: Sequence[int],
    groups: Sequence[PartGroups],
    timer: StageTimer,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the features (N, L, C) of both modalities; of samples not in ``items``, the tokens."""
    z_2d = normalize(parts.image[:, layer].flatten(1, 2), dim=-1)
    z_3d = normalize(parts.points[:, layer], dim=-1)
    with timer.stage("aggregate"):
        for i, own in zip(items, groups, strict=True):
            pooled = pool_grid(parts.image[i : i + 1, layer])
            z_2d[i] = normalize(pooled.flatten(1, 2), dim=-1)
            tokens = normalize(parts.points[i, layer], dim=-1)
            z_3d[i] = pool_centers(tokens, parts.xyz[i][own.centers], own.curvature)
    return z_2d, z_3d


def layer_scores(
    z_2d: torch.Tensor,
    z_3d: torch.Tensor,
    items: Sequence[int],
    groups: Sequence[PartGroups],
    timer: StageTimer,
    stable: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the scores (n, L) of both modalities."""
    lowest = int(0.3 * (len(z_2d) - 1))
    rows_2d, rows_3d = [], []
    for i, own in zip(items, groups, strict=True):
        references = torch.arange(len(z_2d)) != i
        with timer.stage("mutual"):
            d_2d = nearest_patches_of(z_2d[i], z_2d)[:, references]
            d_3d = nearest_patches_of(z_3d[i], z_3d)[:, references]
        with timer.stage("enhance"):
            d_2d, d_3d = enhance(d_2d, d_3d, own.groups_of_patch, own.patch_of_group, stable=stable)
        with timer.stage("mutual"):
            rows_2d.append(lowest_mean(d_2d, lowest))
            rows_3d.append(lowest_mean(d_3d, lowest))
    return torch.stack(rows_2d), torch.stack(rows_3d)


def summed_maps(
    parts: PartTokens,
    items: Sequence[int],
    groups: Sequence[PartGroups],
    image: torch.Tensor,
    points: torch.Tensor,
) -> torch.Tensor:
    """image: (n, L), points: (n, G), the scores -> (n, H, W)."""
    grid = image.reshape(len(items), 1, *parts.image.shape[2:4])
    maps = interpolate(grid, (SIDE, SIDE), mode="bilinear", align_corners=True)[:, 0]
    for row, i, own, scores in zip(maps, items, groups, points, strict=True):
        flat = torch.zeros(SIDE * SIDE)
        xyz = parts.xyz[i]
        flat[parts.pixels[i]] = spread_points(xyz, xyz[own.centers], scores)
        row += quantized_blur(flat.reshape(SIDE, SIDE), 4.0)
    return maps
