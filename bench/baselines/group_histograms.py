"""Compute histograms around centers with scipy's search and the formulas in numpy."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree

SCALES = (64, 128, 256)  # neighbors


def group_histograms(
    points: np.ndarray, normals: np.ndarray, variation: np.ndarray, centers: np.ndarray
) -> torch.Tensor:
    """points, normals: (P, 3), variation: (P,), centers: (G,) -> (G, 3, 38) float32."""
    distance, index = cKDTree(points).query(points[centers], SCALES[-1])
    everywhere = np.ones(index.shape, bool)
    histograms = []
    for k in SCALES:
        near, radius, every = index[:, :k], np.median(distance[:, k - 1]), everywhere[:, :k]
        n = normals[near].mean(1, keepdims=True)
        n /= np.linalg.norm(n, axis=2, keepdims=True)
        away = points[near] - points[centers][:, None]
        along = (away * n).sum(2)
        flat = away - along[..., None] * n
        length = np.linalg.norm(flat, axis=2)
        tilt = (normals[near] * flat).sum(2) / np.maximum(length, 1e-12)
        histograms += [
            _soft_histogram(np.linalg.norm(np.cross(normals[near], n), axis=2), every, 8, 0, 0.8),
            _soft_histogram(tilt, length > 0.1 * radius, 10, -0.6, 0.6),
            _soft_histogram(
                (along - along.mean(1, keepdims=True)) / radius, every, 12, -0.35, 0.35
            ),
            _soft_histogram(np.log(variation[near] + 1e-5), every, 8, -9, -2),
        ]
    stacked = np.concatenate(histograms, 1).reshape(len(centers), len(SCALES), 38)
    return torch.from_numpy(stacked).float()


def _soft_histogram(
    values: np.ndarray, counted: np.ndarray, bins: int, low: float, high: float
) -> np.ndarray:
    """values and counted: (G, k) -> (G, bins); a value is shared by the two nearest bins."""
    positions = np.clip((values - low) / (high - low) * bins - 0.5, 0, bins - 1)
    first = np.minimum(positions.astype(int), bins - 2)
    rows = np.broadcast_to(np.arange(len(values))[:, None], values.shape)[counted]
    counts = np.zeros((len(values), bins))
    for offset in (0, 1):
        share = 1 - np.abs(positions - first - offset)
        np.add.at(counts, (rows, (first + offset)[counted]), share[counted])
    return counts / np.maximum(counted.sum(1, keepdims=True), 1)
