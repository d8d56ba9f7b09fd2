"""Benchmark group_points: 1,024 groups in 20,000 points, against the published steps.

A quarter of the groups are near a step of the surface.
"""

from __future__ import annotations

import torch

from bench.baselines.group_points import group_points as baseline
from bench.case import Case, benchmark
from bench.clouds import surface
from musc2.ops import Groups, farthest_points, group_points


def check(result: Groups, expected: tuple[torch.Tensor, torch.Tensor]) -> None:
    index, curvature = expected
    assert 0.2 < (curvature >= 0.01).float().mean() < 0.3
    torch.testing.assert_close(result.curvature, curvature, rtol=1e-3, atol=1e-6)
    same_points = result.index.sort(1).values == index.sort(1).values
    assert same_points.all(1).float().mean() > 0.99


def prepare() -> Case:
    points = torch.from_numpy(surface(20_000))
    centers = farthest_points(points, 1024).long()
    return Case(
        candidate=lambda: group_points(points, centers),
        baseline=lambda: baseline(points, centers),
        check=check,
    )


test_group_points = benchmark("group_points 1024 in 20000", target=45.0, prepare=prepare)
