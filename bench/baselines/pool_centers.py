"""Aggregate the tokens of centers (SNAMD, 3D) by the published formula in torch."""

from __future__ import annotations

import torch
from torch.nn.functional import adaptive_avg_pool1d


def pool_centers(
    tokens: torch.Tensor, centers: torch.Tensor, curvature: torch.Tensor
) -> torch.Tensor:
    """tokens: (G, C), centers: (G, 3), curvature: (G,) -> (G, C), degrees 1, 3 and 5."""
    nearest = torch.cdist(centers, centers).topk(5, dim=-1, largest=False).indices
    neighbors = tokens[nearest]
    weights = torch.exp(-torch.linalg.norm(neighbors - tokens[:, None], dim=-1, keepdim=True))
    averages = []
    for degree in (1, 3, 5):
        own = weights[:, :degree]
        averages.append((own * neighbors[:, :degree]).sum(1) / own.sum(1))
    flat = adaptive_avg_pool1d(torch.cat(averages, dim=1)[None], tokens.shape[1])[0]
    return torch.where(curvature[:, None] < 0.01, flat, tokens)
