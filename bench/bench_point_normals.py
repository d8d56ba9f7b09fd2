"""Normals of 20,000 points from 24 neighbors each, against scipy's search and numpy's eigenvectors."""

import numpy as np
import torch
from clouds import surface
from contest import Sides, contest
from scipy.spatial import cKDTree

from musc2.ops import point_normals


def formula(points: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    _, index = cKDTree(points).query(points, 24)
    near = torch.from_numpy(points)[torch.from_numpy(index)]
    offsets = near - near.mean(1, keepdim=True)
    values, axes = torch.linalg.eigh(offsets.mT @ offsets)
    raw = axes[..., 0] * -torch.sign(axes[..., 2:, 0])
    normals = raw[torch.from_numpy(index)].sum(1)
    return normals / normals.norm(dim=1, keepdim=True), values[:, 0].clamp(min=0) / values.sum(1)


def same(ours: tuple[torch.Tensor, torch.Tensor], baseline: tuple[torch.Tensor, torch.Tensor]) -> None:
    torch.testing.assert_close(ours[1], baseline[1], rtol=0, atol=1e-4)
    assert float((ours[0] * baseline[0]).sum(1).quantile(0.01)) > 0.9999


def prepare() -> Sides:
    points = surface(20_000)
    return Sides(ours=lambda: point_normals(points), baseline=lambda: formula(points), check=same)


test_point_normals = contest("point_normals 20000, one thread", target=3.0, prepare=prepare, threads=1)
