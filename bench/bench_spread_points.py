"""The scores of 1,024 centers at 20,000 points of a surface, against the published formula: all distances, sorted."""

import torch
from contest import Sides, contest

from musc2.ops import spread_points


def published(points: torch.Tensor, centers: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    distance2, index = torch.cdist(points, centers).square().sort(dim=-1)
    weights = 1.0 / (distance2[:, :3] + 1e-8)
    weights = weights / weights.sum(-1, keepdim=True)
    return (weights * values[index[:, :3]]).sum(-1)


def prepare() -> Sides:
    generator = torch.Generator().manual_seed(0)
    flat = torch.cartesian_prod(torch.linspace(-1, 1, 200), torch.linspace(-0.5, 0.5, 100))
    points = torch.cat([flat, flat.prod(-1, keepdim=True)], dim=1) + 1e-3 * torch.rand(20_000, 3, generator=generator)
    centers = points[torch.randperm(20_000, generator=generator)[:1024]]
    values = torch.rand(1024, generator=generator)
    return Sides(
        ours=lambda: spread_points(points, centers, values),
        baseline=lambda: published(points, centers, values),
        # cdist by way of a matrix product is a few 1e-7 off in d^2, which matters close to a center.
        check=lambda ours, baseline: torch.testing.assert_close(ours, baseline, rtol=0, atol=5e-2),
    )


test_spread_points = contest("spread_points 20000x1024", target=80.0, prepare=prepare)
