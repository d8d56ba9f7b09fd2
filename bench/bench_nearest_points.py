"""Benchmark nearest_points: 256 neighbors of 1,024 spread-out points of 20,000, against scipy."""

from __future__ import annotations

import numpy as np
import torch

from bench.baselines.nearest_points import nearest_points as baseline
from bench.case import Case, benchmark
from bench.clouds import surface
from musc2.ops import farthest_points, nearest_points


def check(
    result: tuple[torch.Tensor, torch.Tensor], expected: tuple[np.ndarray, np.ndarray]
) -> None:
    (index, distance2), (expected_index, expected_distance) = result, expected
    np.testing.assert_allclose(distance2.sqrt(), expected_distance, rtol=1e-5, atol=1e-7)
    assert (index.numpy() == expected_index).mean() > 0.999


def prepare() -> Case:
    points = surface(20_000)
    queries = points[farthest_points(points, 1024)]
    point_tensor, query_tensor = torch.from_numpy(points), torch.from_numpy(queries)
    return Case(
        candidate=lambda: nearest_points(point_tensor, query_tensor, 256),
        baseline=lambda: baseline(points, queries, 256),
        check=check,
    )


test_nearest_points = benchmark(
    "nearest_points 1024 in 20000, k=256, 1 thread", target=2.0, prepare=prepare, threads=1
)
