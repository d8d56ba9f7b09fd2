"""Benchmark nearest_patches: the distances of a full-size set, against cdist per sample, then amin.

A search in a window is compared with our own search of all patches. Another baseline, on one core,
is the fused MaxSim of NumKong in the format that is fastest here.

Also times torch's own matrix products in the same run, without a target: no search can be faster
than the hardware that they show.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import torch

from bench.baselines.maxsim import maxsim_variants
from bench.baselines.nearest_patches import nearest_patches as baseline
from bench.baselines.nearest_patches import nearest_patches_in_window
from bench.case import Case, benchmark
from musc2.ops import nearest_patches


def unit_features(samples: int, patches: int, channels: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(samples, patches, channels, generator=generator)
    return torch.nn.functional.normalize(z, dim=-1)


def prepare(samples: int, patches: int, channels: int) -> Case:
    z = unit_features(samples, patches, channels)

    def check(result: torch.Tensor, expected: torch.Tensor) -> None:
        finite = expected < float("inf")
        torch.testing.assert_close(result[finite], expected[finite], rtol=0, atol=1e-5)

    return Case(
        candidate=lambda: nearest_patches(z),
        baseline=lambda: baseline(z),
        check=check,
    )


def prepare_window(samples: int, side: int, channels: int) -> Case:
    z = unit_features(samples, side * side, channels)

    def check(result: torch.Tensor, everywhere: torch.Tensor) -> None:
        expected = nearest_patches_in_window(z, (side, side), 2)
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)
        assert (result >= everywhere - 1e-5).all()

    return Case(
        candidate=lambda: nearest_patches(z, search_window=2),
        baseline=lambda: nearest_patches(z),
        check=check,
    )


def prepare_numkong(samples: int, patches: int, channels: int) -> Case:
    """Return a race for sums over patches; NumKong's are too large where it missed the nearest."""
    torch.set_num_threads(1)
    z = unit_features(samples, patches, channels)

    def seconds(variant: Callable[[], torch.Tensor]) -> float:
        start = time.perf_counter()
        variant()
        return time.perf_counter() - start

    def check(result: torch.Tensor, expected: torch.Tensor) -> None:
        sums = (result.square() / 2).sum(1)
        apart = ~torch.eye(samples, dtype=torch.bool)
        torch.testing.assert_close(sums[apart], expected[apart], rtol=5e-3, atol=0)
        assert (sums[apart] <= expected[apart] * (1 + 1e-5)).all()

    return Case(
        candidate=lambda: nearest_patches(z),
        baseline=min(maxsim_variants(z), key=seconds),
        check=check,
    )


# The targets are those of an approximate search in int8 and bfloat16; with AVX2 alone the search is
# in int16 and misses them.
test_vit_b = benchmark(
    "nearest_patches 50x784x768",
    target=8.0,
    prepare=lambda: prepare(50, 784, 768),
)
test_point_mae = benchmark(
    "nearest_patches 50x1024x384",
    target=6.8,
    prepare=lambda: prepare(50, 1024, 384),
)
test_window = benchmark(
    "nearest_patches in window 2, 20x784x384, against all",
    target=3.0,
    prepare=lambda: prepare_window(20, 28, 384),
)


test_numkong = benchmark(
    "nearest_patches 10x784x768 against NumKong, one thread",
    target=1.4,
    prepare=lambda: prepare_numkong(10, 784, 768),
    threads=1,
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_matrix_product_rate(benchmark: Any, dtype: torch.dtype) -> None:
    torch.set_num_threads(2)
    a = torch.randn(2048, 2048).to(dtype)
    benchmark.extra_info.update(operations=2 * 2048**3)
    benchmark.pedantic(lambda: a @ a.T, rounds=10, warmup_rounds=2)
