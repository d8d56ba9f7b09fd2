"""Neighborhood aggregation (SNAMD, LNAMD of v1), docs/method/algorithm.md section 4."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import layer_norm as joint_norm

from musc2 import ops
from musc2._transfer import upload
from musc2.cloud import Cloud, center_points
from musc2.ops._support.magnitude import unit


def image_features(
    tokens: torch.Tensor,
    degrees: Sequence[int] = (1, 3, 5),
    *,
    separately: bool = False,
    weighting: str = "similarity",
    layer_norm: bool = False,
    normalize: bool = True,
    normalize_first: bool = False,
) -> list[torch.Tensor]:
    """tokens: (N, h, w, C) of one layer -> features (N, h * w, C).

    The list holds one tensor, the mean over degrees, or with ``separately`` one per degree.
    """
    if layer_norm:
        tokens = joint_norm(tokens, tokens.shape[1:])
    if normalize_first:
        tokens = unit(tokens)
    tokens = tokens.contiguous()
    groups = [(degree,) for degree in degrees] if separately else [tuple(degrees)]
    pooled = [ops.pool_grid(tokens, group, weighting=weighting).flatten(1, 2) for group in groups]
    return [unit(features) for features in pooled] if normalize else pooled


def point_features(
    tokens: torch.Tensor,
    clouds: Sequence[Cloud],
    degrees: Sequence[int] = (1, 3, 5),
    *,
    curvature_threshold: float = 0.01,
    normalize: bool = True,
) -> torch.Tensor:
    """tokens: (N, G, C) of one layer, a cloud per sample -> (N, G, C)."""
    samples, groups, channels = tokens.shape
    flat = tokens.reshape(samples * groups, channels)
    pooled = ops.pool_centers(
        unit(flat) if normalize else flat,
        upload(center_points(clouds), tokens.device),
        upload(torch.cat([cloud.curvature for cloud in clouds]), tokens.device),
        tuple(degrees),
        curvature_threshold=curvature_threshold,
        offsets=list(range(0, groups * samples + 1, groups)),
    )
    return pooled.reshape(tokens.shape)
