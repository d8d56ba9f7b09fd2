"""1,024 centers with tokens of 384, a quarter of them curved, against the formula in torch."""

import torch
from contest import Sides, contest

from musc2.ops import pool_centers


def published(tokens: torch.Tensor, centers: torch.Tensor, curvature: torch.Tensor) -> torch.Tensor:
    nearest = torch.cdist(centers, centers).topk(5, dim=-1, largest=False).indices
    neighbors = tokens[nearest]
    weights = torch.exp(-torch.linalg.norm(neighbors - tokens[:, None], dim=-1, keepdim=True))
    averages = [(weights[:, :r] * neighbors[:, :r]).sum(1) / weights[:, :r].sum(1) for r in (1, 3, 5)]
    flat = torch.nn.functional.adaptive_avg_pool1d(torch.cat(averages, dim=1)[None], tokens.shape[1])[0]
    return torch.where(curvature[:, None] < 0.01, flat, tokens)


def prepare() -> Sides:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.nn.functional.normalize(torch.randn(1024, 384, generator=generator), dim=-1)
    centers = torch.rand(1024, 3, generator=generator)
    curvature = torch.linspace(0, 0.0133, 1024)
    return Sides(
        ours=lambda: pool_centers(tokens, centers, curvature),
        baseline=lambda: published(tokens, centers, curvature),
        check=lambda ours, baseline: torch.testing.assert_close(ours, baseline, rtol=1e-4, atol=1e-6),
    )


test_pool_centers = contest("pool_centers 1024x384 degrees 1 3 5", target=6.0, prepare=prepare)
