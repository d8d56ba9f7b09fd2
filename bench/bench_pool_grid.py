"""Benchmark pool_grid: one image of 28 x 28 tokens, degrees 1, 3 and 5, against torch."""

from __future__ import annotations

import torch

from bench.baselines.pool_grid import pool_grid as baseline
from bench.case import Case, benchmark
from musc2.ops import pool_grid


def check(result: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-6)


def prepare() -> Case:
    tokens = 0.05 * torch.randn(1, 28, 28, 768, generator=torch.Generator().manual_seed(0))
    return Case(candidate=lambda: pool_grid(tokens), baseline=lambda: baseline(tokens), check=check)


test_pool_grid = benchmark("pool_grid 28x28x768 degrees 1 3 5", target=40.0, prepare=prepare)
