"""Interpolate the scores of centers at all points as published: all distances, sorted."""

from __future__ import annotations

import torch


def spread_points(
    points: torch.Tensor, centers: torch.Tensor, values: torch.Tensor
) -> torch.Tensor:
    """points: (P, 3), centers: (G, 3), values: (G,) -> (P,)."""
    distance2, index = torch.cdist(points, centers).square().sort(dim=-1)
    weights = 1.0 / (distance2[:, :3] + 1e-8)
    weights = weights / weights.sum(-1, keepdim=True)
    return (weights * values[index[:, :3]]).sum(-1)
