"""Image re-scoring, ALGORITHM.md §8: the feature by which a sample is compared with the others."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize as unit


def salient_features(z: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """z: (N, L, C), scores: (N, L) -> (N, C): each sample's feature at its highest score."""
    return z[torch.arange(len(z), device=z.device), scores.argmax(1)]


def side_by_side(features: list[torch.Tensor], *, normalize: bool) -> torch.Tensor:
    """[(N, C), ...] -> (N, sum of C); with ``normalize`` each modality has length 1 and so the same say."""
    return torch.cat([unit(part, dim=-1) if normalize else part for part in features], dim=-1)
