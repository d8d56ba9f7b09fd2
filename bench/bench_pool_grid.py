"""One image of 28 x 28 tokens, degrees 1, 3 and 5, against the formula in torch: unfold, distances, weighted sums."""

import torch
from contest import Sides, contest

from musc2.ops import pool_grid


def unfolded(tokens: torch.Tensor) -> torch.Tensor:
    grid = tokens.permute(0, 3, 1, 2)
    windows = torch.nn.functional.unfold(grid, 5, padding=2).reshape(len(tokens), tokens.shape[-1], 25, -1)
    windows = windows.permute(0, 3, 2, 1)
    weights = torch.exp(-torch.linalg.norm(windows - windows[:, :, 12:13], dim=-1))
    rings = torch.tensor([[max(abs(y), abs(x)) for x in range(-2, 3)] for y in range(-2, 3)]).flatten()
    pooled = torch.zeros_like(windows[:, :, 0])
    for radius in range(3):
        inside = torch.where(rings <= radius)[0]
        own = weights[:, :, inside, None]
        pooled += (own * windows[:, :, inside]).sum(2) / own.sum(2)
    return (pooled / 3).reshape(tokens.shape)


def prepare() -> Sides:
    tokens = 0.05 * torch.randn(1, 28, 28, 768, generator=torch.Generator().manual_seed(0))
    return Sides(
        ours=lambda: pool_grid(tokens),
        baseline=lambda: unfolded(tokens),
        check=lambda ours, baseline: torch.testing.assert_close(ours, baseline, rtol=1e-4, atol=1e-6),
    )


test_pool_grid = contest("pool_grid 28x28x768 degrees 1 3 5", target=40.0, prepare=prepare)
