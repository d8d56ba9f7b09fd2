"""Benchmark farthest_points: 1,024 of 20,000 points, against the fastest variant of fpsample."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from bench.baselines.farthest_points import fpsample_variants
from bench.case import Case, benchmark
from bench.clouds import surface
from musc2.ops import farthest_points


def best_seconds(function: Callable[[], object]) -> float:
    """Return the shortest of five runs."""
    durations = []
    for _ in range(5):
        start = time.perf_counter()
        function()
        durations.append(time.perf_counter() - start)
    return min(durations)


def check(result: torch.Tensor, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(result.numpy(), expected.astype(np.int32))


def prepare() -> Case:
    points = surface(20_000)
    tensor = torch.from_numpy(points)
    fastest = min(fpsample_variants(points, 1024), key=best_seconds)
    start = int(fastest()[0])  # it begins at a point of its own choice
    return Case(
        candidate=lambda: farthest_points(tensor, 1024, start=start),
        baseline=fastest,
        check=check,
    )


test_farthest_points = benchmark(
    "farthest_points 20000 -> 1024, 1 thread", target=1.0, prepare=prepare, threads=1
)
