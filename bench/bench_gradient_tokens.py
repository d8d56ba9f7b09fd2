"""Benchmark gradient_tokens: one image of 224 x 224, against convolutions and sampling in torch."""

from __future__ import annotations

import torch

from bench.baselines.gradient_tokens import gradient_tokens as baseline
from bench.case import Case, benchmark
from musc2.ops import gradient_tokens


def check(result: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-6)


def prepare() -> Case:
    images = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    return Case(
        candidate=lambda: gradient_tokens(images),
        baseline=lambda: baseline(images),
        check=check,
    )


test_gradient_tokens = benchmark(
    "gradient_tokens 224x224, one thread", target=5.0, prepare=prepare, threads=1
)
