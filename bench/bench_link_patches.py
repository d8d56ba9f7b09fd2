"""Benchmark link_patches: 1,024 groups in 28 x 28 patches, against a search per patch."""

from __future__ import annotations

import torch

from bench.baselines.link_patches import link_patches as baseline
from bench.case import Case, benchmark
from musc2.ops import Links, link_patches


def check(result: Links, expected: list[torch.Tensor]) -> None:
    torch.testing.assert_close(result.groups.long(), torch.cat(expected))


def prepare() -> Case:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 224 * 224, (1024,), generator=generator)
    return Case(
        candidate=lambda: link_patches(pixels, size=(224, 224), grid=(28, 28)),
        baseline=lambda: baseline(pixels, (28, 28)),
        check=check,
    )


test_link_patches = benchmark("link_patches 1024 in 28x28", target=50.0, prepare=prepare)
