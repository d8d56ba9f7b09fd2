"""Compute normals with scipy's search and torch's eigenvectors."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree


def point_normals(points: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """points: (P, 3) -> normals (P, 3) and surface variation (P,)."""
    _, index = cKDTree(points).query(points, 24)
    near = torch.from_numpy(points)[torch.from_numpy(index)]
    offsets = near - near.mean(1, keepdim=True)
    values, axes = torch.linalg.eigh(offsets.mT @ offsets)
    raw = axes[..., 0] * -torch.sign(axes[..., 2:, 0])
    normals = raw[torch.from_numpy(index)].sum(1)
    variation = values[:, 0].clamp(min=0) / values.sum(1)
    return normals / normals.norm(dim=1, keepdim=True), variation
