"""Benchmark rescore: a full-size set, against the published product, masked row by row.

The target is below 1: musc2 decides neighbors in float64, so that every search and machine takes
the same ones, and the whole stage takes milliseconds.
"""

from __future__ import annotations

import torch

from bench.baselines.rescore import rescore as baseline
from bench.case import Case, benchmark
from musc2.ops import rescore


def check(result: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)


def prepare() -> Case:
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(1000, 768, generator=generator)
    features = torch.nn.functional.normalize(features, dim=-1)
    scores = torch.rand(1000, generator=generator)
    return Case(
        candidate=lambda: rescore(features, scores, (1, 7), min_max=True),
        baseline=lambda: baseline(features, scores, (1, 7)),
        check=check,
    )


test_rescore = benchmark("rescore 1000x768", target=0.3, prepare=prepare)
