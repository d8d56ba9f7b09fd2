"""Benchmark cluster_grid: a scan of 400 x 400 points over 20 cm, against scikit-learn.

The radius is the one that MVTec 3D-AD is preprocessed with.
"""

from __future__ import annotations

import numpy as np
import torch

from bench.baselines.cluster_grid import cluster_grid as baseline
from bench.case import Case, benchmark
from musc2.ops import cluster_grid

EPS, MIN_POINTS = 0.006, 30


def scan() -> np.ndarray:
    """Return xyz (400, 400, 3) float32: a noisy dome, a plate in front of it, and 2 % missing."""
    rng = np.random.default_rng(0)
    v, u = (np.mgrid[:400, :400] + 0.5) / 200 - 1
    z = 0.4 - 0.02 * np.maximum(0, 1 - u**2 - v**2) - 0.004 * np.sin(20 * u) * np.cos(15 * v)
    plate = (np.abs(u - 0.6) < 0.1) & (np.abs(v) < 0.3)
    z += 2e-4 * rng.standard_normal(u.shape) - 0.03 * plate
    xyz = np.stack([0.1 * u, 0.1 * v, z], 2).astype(np.float32)
    xyz[rng.random(z.shape) < 0.02] = 0
    return xyz


def check(result: torch.Tensor, expected: torch.Tensor) -> None:
    assert int(result.max()) == 1
    assert torch.equal(result, expected)


def prepare() -> Case:
    xyz = scan()
    return Case(
        candidate=lambda: cluster_grid(xyz, eps=EPS, min_points=MIN_POINTS),
        baseline=lambda: baseline(xyz, EPS, MIN_POINTS),
        check=check,
    )


test_cluster_grid = benchmark("cluster_grid 400x400", target=10.0, prepare=prepare)
