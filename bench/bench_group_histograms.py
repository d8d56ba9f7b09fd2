"""Benchmark group_histograms: 1,024 centers in 20,000 points, against scipy and numpy."""

from __future__ import annotations

import torch

from bench.baselines.group_histograms import group_histograms as baseline
from bench.case import Case, benchmark
from bench.clouds import surface
from musc2.ops import farthest_points, group_histograms, point_normals


def check(result: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-3)


def prepare() -> Case:
    points = surface(20_000)
    centers = farthest_points(points, 1024)
    normals, variation = point_normals(points)
    arrays = points, normals.numpy(), variation.numpy(), centers.numpy()
    return Case(
        candidate=lambda: group_histograms(points, normals, variation, centers),
        baseline=lambda: baseline(*arrays),
        check=check,
    )


test_group_histograms = benchmark(
    "group_histograms 1024 x 3 scales, one thread", target=10.0, prepare=prepare, threads=1
)
