"""Benchmark lowest_mean: the lowest 30 % for every patch of a full-size set, against torch.topk."""

from __future__ import annotations

import torch

from bench.baselines.lowest_mean import lowest_mean as baseline
from bench.case import Case, benchmark
from musc2.ops import lowest_mean


def prepare() -> Case:
    d = torch.rand(50, 784, 50, generator=torch.Generator().manual_seed(0))
    d[torch.arange(50), :, torch.arange(50)] = float("inf")
    return Case(
        candidate=lambda: lowest_mean(d),
        baseline=lambda: baseline(d, 14),
        check=torch.testing.assert_close,
    )


test_lowest_mean = benchmark("lowest_mean 50x784x50", target=5.0, prepare=prepare)
