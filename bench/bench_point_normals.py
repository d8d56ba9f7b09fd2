"""Benchmark point_normals: 20,000 points, 24 neighbors each, against scipy and torch."""

from __future__ import annotations

import torch

from bench.baselines.point_normals import point_normals as baseline
from bench.case import Case, benchmark
from bench.clouds import surface
from musc2.ops import point_normals

Normals = tuple[torch.Tensor, torch.Tensor]


def check(result: Normals, expected: Normals) -> None:
    (normals, variation), (expected_normals, expected_variation) = result, expected
    torch.testing.assert_close(variation, expected_variation, rtol=0, atol=1e-4)
    assert float((normals * expected_normals).sum(1).quantile(0.01)) > 0.9999


def prepare() -> Case:
    points = surface(20_000)
    return Case(
        candidate=lambda: point_normals(points), baseline=lambda: baseline(points), check=check
    )


test_point_normals = benchmark(
    "point_normals 20000, one thread", target=3.0, prepare=prepare, threads=1
)
