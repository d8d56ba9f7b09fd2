"""The points of a part for its 3D view: few, quantized and deflated."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from musc2.report.html._encoding import deflated

_STEPS = 8191  # a coordinate is a whole number from -8191 to 8191


def pack(
    points: NDArray[np.float32], levels: NDArray[np.uint8], colors: NDArray[np.uint8]
) -> dict[str, Any]:
    """points: (P, 3), x right, y up, z to the viewer; levels: (P,), colors: (P, 3) -> for the page.

    Return the count, the radius of the part in its own unit, and the deflated planes x, y, z (int16
    differences from the point before), level, red, green, blue.
    """
    low, high = points.min(0).astype(np.float64), points.max(0).astype(np.float64)
    radius = max(float(np.linalg.norm(high - low)) / 2, 1e-12)
    steps = np.rint((points - (low + high) / 2) / radius * _STEPS).astype(np.int16)
    differences = np.diff(steps, axis=0, prepend=np.zeros((1, 3), np.int16))
    content = deflated(differences.T.astype("<i2"), levels, colors.T)
    return {"count": len(points), "radius": radius, "data": content}


def choose(inside: NDArray[np.bool_], limit: int) -> NDArray[np.int64]:
    """inside: (P,) or (H, W), where points of the part are -> the indices of about ``limit``.

    They are spread evenly: those of a map lie on a coarser grid.
    """
    total = int(inside.sum())
    if inside.ndim == 1:
        index = np.flatnonzero(inside)
        if total <= limit:
            return index
        return np.sort(np.random.default_rng(0).choice(index, limit, replace=False))
    step = max(1.0, (total / limit) ** 0.5)
    rows = np.arange(0, inside.shape[0], step).astype(np.int64)
    columns = np.arange(0, inside.shape[1], step).astype(np.int64)
    cells = (rows[:, None] * inside.shape[1] + columns).ravel()
    chosen: NDArray[np.int64] = cells[inside.ravel()[cells]]
    return chosen
