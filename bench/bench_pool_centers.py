"""Benchmark pool_centers: 1,024 centers, a quarter of them curved, tokens of 384, against torch."""

from __future__ import annotations

import torch

from bench.baselines.pool_centers import pool_centers as baseline
from bench.case import Case, benchmark
from musc2.ops import pool_centers


def check(result: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-6)


def prepare() -> Case:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(1024, 384, generator=generator)
    tokens = torch.nn.functional.normalize(tokens, dim=-1)
    centers = torch.rand(1024, 3, generator=generator)
    curvature = torch.linspace(0, 0.0133, 1024)
    return Case(
        candidate=lambda: pool_centers(tokens, centers, curvature),
        baseline=lambda: baseline(tokens, centers, curvature),
        check=check,
    )


test_pool_centers = benchmark("pool_centers 1024x384 degrees 1 3 5", target=6.0, prepare=prepare)
