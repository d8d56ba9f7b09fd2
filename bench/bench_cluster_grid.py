"""The clusters of a scan of 400 x 400 points over 20 cm, with the radius that MVTec 3D-AD is prepared with."""

import numpy as np
import torch
from contest import Sides, contest
from sklearn.cluster import DBSCAN

from musc2.ops import cluster_grid

EPS, LEAST = 0.006, 30


def scan() -> np.ndarray:
    """xyz: (400, 400, 3) float32, a dome with a separate plate in front of it, noisy, and 2 % of it missing."""
    rng = np.random.default_rng(0)
    v, u = (np.mgrid[:400, :400] + 0.5) / 200 - 1
    z = 0.4 - 0.02 * np.maximum(0, 1 - u**2 - v**2) - 0.004 * np.sin(20 * u) * np.cos(15 * v)
    z += 2e-4 * rng.standard_normal(u.shape) - 0.03 * ((np.abs(u - 0.6) < 0.1) & (np.abs(v) < 0.3))
    xyz = np.stack([0.1 * u, 0.1 * v, z], 2).astype(np.float32)
    xyz[rng.random(z.shape) < 0.02] = 0
    return xyz


def baseline(xyz: np.ndarray) -> torch.Tensor:
    labels = torch.full(xyz.shape[:2], -1, dtype=torch.int32)
    there = xyz[..., 2] != 0
    labels[there] = torch.from_numpy(DBSCAN(eps=EPS, min_samples=LEAST).fit_predict(xyz[there])).int()
    return labels


def same(ours: torch.Tensor, other: torch.Tensor) -> None:
    assert int(ours.max()) == 1
    assert torch.equal(ours, other)


def prepare() -> Sides:
    xyz = scan()
    return Sides(ours=lambda: cluster_grid(xyz, eps=EPS, min_points=LEAST), baseline=lambda: baseline(xyz), check=same)


test_cluster_grid = contest("cluster_grid 400x400", target=10.0, prepare=prepare)
