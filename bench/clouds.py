"""Clouds like scans of parts, for the benchmarks of the point ops."""

from __future__ import annotations

import numpy as np

SIDE = 224  # of the map that a scan lies in


def surface(count: int) -> np.ndarray:
    """Return points (count, 3) float32 on a wavy sheet with two raised strips.

    About a quarter of it is near a step.
    """
    u, v = np.random.default_rng(0).uniform(-1, 1, (2, count))
    return np.stack([u, v, _height(u, v)], 1).astype(np.float32)


def scan(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return that sheet as a sensor sees it: points (20000, 3) float32 and pixels (20000,).

    The points are centered and within 1; a pixel is row * SIDE + column.
    """
    rows, columns = np.mgrid[32:192, 50:175].reshape(2, -1)
    u = 2 * (columns - 50 + rng.random(len(rows))) / 125 - 1
    v = 2 * (rows - 32 + rng.random(len(rows))) / 160 - 1
    noise = 1e-3 * rng.standard_normal(len(u))
    points = np.stack([u, v, _height(u, v) + noise], 1)
    points -= points.mean(0)
    points /= np.linalg.norm(points, axis=1).max()
    return points.astype(np.float32), SIDE * rows + columns


def _height(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return 0.3 * np.sin(3 * u) * np.cos(2 * v) + 0.033 * (np.abs(np.abs(u) - 0.5) < 0.15)
