"""Find the nearest points of queries with scipy's kd-tree."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree


def nearest_points(
    points: np.ndarray, queries: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """points: (P, 3), queries: (Q, 3) -> index (Q, k) and distance (Q, k)."""
    distance, index = cKDTree(points).query(queries, k=k)
    return index, distance
