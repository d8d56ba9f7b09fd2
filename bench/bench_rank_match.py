"""Benchmark rank_match: the 1,024 x 49 distances of one sample, against stable sorts in torch."""

from __future__ import annotations

import torch

from bench.baselines.rank_match import rank_match as baseline
from bench.case import Case, benchmark
from musc2.ops import rank_match


def check(result: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=0, atol=0)


def prepare() -> Case:
    generator = torch.Generator().manual_seed(0)
    source = torch.rand(1024 * 49, generator=generator)
    target = torch.rand(1024 * 49, generator=generator)
    return Case(
        candidate=lambda: rank_match(source, target),
        baseline=lambda: baseline(source, target),
        check=check,
    )


test_rank_match = benchmark("rank_match 50176", target=8.0, prepare=prepare)
