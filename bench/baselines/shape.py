"""Encode a cloud by the recipe of the built-in ``shape``, in torch, scipy and numpy."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from bench.baselines.farthest_points import farthest_points
from bench.baselines.group_histograms import group_histograms
from bench.baselines.group_points import group_points
from bench.baselines.point_normals import point_normals


def shape(
    points: torch.Tensor, group_count: int, state: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    """points: (P, 3), state: of the fitted encoder -> (G, C)."""
    centers = farthest_points(points, group_count)
    group_points(points, centers)  # which ``score`` needs too
    normals, variation = point_normals(points.numpy())
    histograms = group_histograms(
        points.numpy(), normals.numpy(), variation.numpy(), centers.numpy()
    )
    return histograms.sqrt().flatten(1) @ state["matrix"] + state["offset"]
