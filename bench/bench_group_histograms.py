"""1,024 centers in 20,000 points at three scales, against scipy's search and the formulas in numpy."""

import numpy as np
import torch
from clouds import surface
from contest import Sides, contest
from scipy.spatial import cKDTree

from musc2.ops import farthest_points, group_histograms, point_normals


def soft(values: np.ndarray, counted: np.ndarray, bins: int, low: float, high: float) -> np.ndarray:
    """values and counted: (G, k) -> (G, bins)."""
    places = np.clip((values - low) / (high - low) * bins - 0.5, 0, bins - 1)
    first = np.minimum(places.astype(int), bins - 2)
    rows = np.broadcast_to(np.arange(len(values))[:, None], values.shape)[counted]
    counts = np.zeros((len(values), bins))
    for step in (0, 1):
        share = 1 - np.abs(places - first - step)
        np.add.at(counts, (rows, (first + step)[counted]), share[counted])
    return counts / np.maximum(counted.sum(1, keepdims=True), 1)


def formula(points: np.ndarray, normals: np.ndarray, variation: np.ndarray, centers: np.ndarray) -> torch.Tensor:
    distance, index = cKDTree(points).query(points[centers], 256)
    everywhere, found = np.ones(index.shape, bool), []
    for k in (64, 128, 256):
        near, radius, every = index[:, :k], np.median(distance[:, k - 1]), everywhere[:, :k]
        n = normals[near].mean(1, keepdims=True)
        n /= np.linalg.norm(n, axis=2, keepdims=True)
        away = points[near] - points[centers][:, None]
        along = (away * n).sum(2)
        flat = away - along[..., None] * n
        length = np.linalg.norm(flat, axis=2)
        tilt = (normals[near] * flat).sum(2) / np.maximum(length, 1e-12)
        found += [
            soft(np.linalg.norm(np.cross(normals[near], n), axis=2), every, 8, 0, 0.8),
            soft(tilt, length > 0.1 * radius, 10, -0.6, 0.6),
            soft((along - along.mean(1, keepdims=True)) / radius, every, 12, -0.35, 0.35),
            soft(np.log(variation[near] + 1e-5), every, 8, -9, -2),
        ]
    return torch.from_numpy(np.concatenate(found, 1).reshape(len(centers), 3, 38)).float()


def prepare() -> Sides:
    points = surface(20_000)
    centers = farthest_points(points, 1024)
    normals, variation = point_normals(points)
    arrays = points, normals.numpy(), variation.numpy(), centers.numpy()
    return Sides(
        ours=lambda: group_histograms(points, normals, variation, centers),
        baseline=lambda: formula(*arrays),
        check=lambda ours, baseline: torch.testing.assert_close(ours, baseline, rtol=0, atol=1e-3),
    )


test_group_histograms = contest("group_histograms 1024 x 3 scales, one thread", target=10.0, prepare=prepare, threads=1)
