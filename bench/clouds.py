"""Clouds like scans of parts, for the benches of the point ops."""

import numpy as np


def surface(count: int) -> np.ndarray:
    """points: (count, 3) float32 on a wavy sheet with a raised strip, whose walls no point is on."""
    u, v = np.random.default_rng(0).uniform(-1, 1, (2, count))
    height = 0.3 * np.sin(3 * u) * np.cos(2 * v) + 0.15 * (np.abs(u - 0.2) < 0.15)
    return np.stack([u, v, height], 1).astype(np.float32)
