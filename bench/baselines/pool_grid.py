"""Aggregate the tokens of images (SNAMD, 2D) in torch: unfold, distances, weighted sums."""

from __future__ import annotations

import torch
from torch.nn.functional import unfold


def pool_grid(tokens: torch.Tensor) -> torch.Tensor:
    """tokens: (B, h, w, C) -> (B, h, w, C), degrees 1, 3 and 5."""
    grid = tokens.permute(0, 3, 1, 2)
    windows = unfold(grid, 5, padding=2).reshape(len(tokens), tokens.shape[-1], 25, -1)
    windows = windows.permute(0, 3, 2, 1)
    weights = torch.exp(-torch.linalg.norm(windows - windows[:, :, 12:13], dim=-1))
    y, x = torch.meshgrid(torch.arange(-2, 3), torch.arange(-2, 3), indexing="ij")
    rings = torch.maximum(y.abs(), x.abs()).flatten()
    pooled = torch.zeros_like(windows[:, :, 0])
    for radius in range(3):
        inside = torch.where(rings <= radius)[0]
        own = weights[:, :, inside, None]
        pooled += (own * windows[:, :, inside]).sum(2) / own.sum(2)
    return (pooled / 3).reshape(tokens.shape)
