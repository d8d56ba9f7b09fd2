"""Benchmark enhance (CAE): 784 patches, 1,024 groups and 49 references, against torch."""

from __future__ import annotations

import torch

from bench.baselines.enhance import enhance as baseline
from bench.case import Case, benchmark
from musc2.ops import link_patches
from musc2.stages.enhance import enhance

Distances = tuple[torch.Tensor, torch.Tensor]


def prepare() -> Case:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randperm(224 * 224, generator=generator)[:1024]
    links = link_patches(pixels, size=(224, 224), grid=(28, 28))
    a = 0.5 + 0.1 * torch.randn(784, 49, generator=generator)
    b = 0.5 + 0.1 * torch.randn(1024, 49, generator=generator)
    groups_of_patch = [torch.where(links.patch == patch)[0] for patch in range(784)]
    patch_of_group = list(links.patch.reshape(-1, 1).long())
    stable = baseline(a, b, groups_of_patch, patch_of_group, stable=True)

    def check(result: Distances, _: Distances) -> None:
        # Values that nearly tie may swap ranks, which the unstable sort that is timed does at will.
        for values, expected in zip(result, stable, strict=True):
            difference = (values - expected).abs()
            assert float((difference > 1e-6).float().mean()) < 2e-3
            assert float(difference.max()) < 1e-2

    return Case(
        candidate=lambda: enhance(a, b, links),
        baseline=lambda: baseline(a, b, groups_of_patch, patch_of_group),
        check=check,
    )


test_enhance = benchmark("CAE 784 patches 1024 groups 49 references", target=5.0, prepare=prepare)
