"""Clouds like scans of parts, for the benches of the point ops."""

import numpy as np

SIDE = 224  # of the map that a scan lies in


def surface(count: int) -> np.ndarray:
    """points: (count, 3) float32 on a wavy sheet with two raised strips: about a quarter of it is near a step."""
    u, v = np.random.default_rng(0).uniform(-1, 1, (2, count))
    return np.stack([u, v, _height(u, v)], 1).astype(np.float32)


def scan(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """points: (20000, 3) float32 of the same sheet seen by a sensor, centered, within 1; pixels: (20000,) in its map."""
    rows, columns = (each.ravel() for each in np.mgrid[32:192, 50:175])
    u, v = (2 * (place + rng.random(len(rows))) / span - 1 for place, span in ((columns - 50, 125), (rows - 32, 160)))
    points = np.stack([u, v, _height(u, v) + 1e-3 * rng.standard_normal(len(u))], 1)
    points -= points.mean(0)
    return (points / np.linalg.norm(points, axis=1).max()).astype(np.float32), SIDE * rows + columns


def _height(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return 0.3 * np.sin(3 * u) * np.cos(2 * v) + 0.033 * (np.abs(np.abs(u) - 0.5) < 0.15)
