"""Clouds like scans of parts, for the benches of the point ops."""

import numpy as np


def surface(count: int) -> np.ndarray:
    """points: (count, 3) float32 on a wavy sheet with two raised strips: about a quarter of it is near a step."""
    u, v = np.random.default_rng(0).uniform(-1, 1, (2, count))
    height = 0.3 * np.sin(3 * u) * np.cos(2 * v) + 0.033 * (np.abs(np.abs(u) - 0.5) < 0.15)
    return np.stack([u, v, height], 1).astype(np.float32)
