"""Benchmark spread_points: 1,024 centers and 20,000 points, against all distances, sorted."""

from __future__ import annotations

import torch

from bench.baselines.spread_points import spread_points as baseline
from bench.case import Case, benchmark
from musc2.ops import spread_points


def check(result: torch.Tensor, expected: torch.Tensor) -> None:
    # cdist by a matrix product is a few 1e-7 off in d^2, which matters close to a center.
    torch.testing.assert_close(result, expected, rtol=0, atol=5e-2)


def prepare() -> Case:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.linspace(-1, 1, 200), torch.linspace(-0.5, 0.5, 100)
    flat = torch.cartesian_prod(x, y)
    points = torch.cat([flat, flat.prod(-1, keepdim=True)], dim=1)
    points = points + 1e-3 * torch.rand(20_000, 3, generator=generator)
    centers = points[torch.randperm(20_000, generator=generator)[:1024]]
    values = torch.rand(1024, generator=generator)
    return Case(
        candidate=lambda: spread_points(points, centers, values),
        baseline=lambda: baseline(points, centers, values),
        check=check,
    )


test_spread_points = benchmark("spread_points 20000x1024", target=80.0, prepare=prepare)
