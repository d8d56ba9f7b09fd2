"""Benchmark dictionary_tokens: one image of 224 x 224, 256 words of 48 numbers, against torch."""

from __future__ import annotations

import torch

from bench.baselines.dictionary_tokens import dictionary_tokens as baseline
from bench.case import Case, benchmark
from musc2.ops import dictionary_tokens


def check(result: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)


def prepare() -> Case:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(1, 3, 224, 224, generator=generator)
    whitening = torch.randn(108, 48, generator=generator) / 10
    words = torch.randn(256, 48, generator=generator)
    return Case(
        candidate=lambda: dictionary_tokens(images, whitening, words),
        baseline=lambda: baseline(images, whitening, words),
        check=check,
    )


test_dictionary_tokens = benchmark(
    "dictionary_tokens 224x224, one thread", target=3.0, prepare=prepare, threads=1
)
