"""Benchmark project_tokens: the tokens of one image, 784 x 398 to 128, against torch.addmm."""

from __future__ import annotations

import torch

from bench.baselines.project_tokens import project_tokens as baseline
from bench.case import Case, benchmark
from musc2.ops import project_tokens


def check(result: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-3)


def prepare() -> Case:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(784, 398, generator=generator)
    matrix = torch.randn(398, 128, generator=generator)
    offset = torch.randn(128, generator=generator)
    return Case(
        candidate=lambda: project_tokens(tokens, matrix, offset),
        baseline=lambda: baseline(tokens, matrix, offset),
        check=check,
    )


test_project_tokens = benchmark(
    "project_tokens 784x398x128, one thread", target=0.7, prepare=prepare, threads=1
)
