"""Cluster the points of a scan with scikit-learn."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.cluster import DBSCAN


def cluster_grid(xyz: np.ndarray, eps: float, min_points: int) -> torch.Tensor:
    """xyz: (H, W, 3) -> labels (H, W) int32, -1 for noise and where z is 0."""
    labels = torch.full(xyz.shape[:2], -1, dtype=torch.int32)
    valid = xyz[..., 2] != 0
    clusters = DBSCAN(eps=eps, min_samples=min_points).fit_predict(xyz[valid])
    labels[valid] = torch.from_numpy(clusters).int()
    return labels
