"""The points of a part for its 3D view: few, quantized and deflated."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from musc2.report.html._encoding import deflated
from musc2.report.html._surface import is_foreground

_STEPS = 8191  # a coordinate is a whole number from -8191 to 8191


def pack(
    xyz: NDArray[np.float32],
    levels: NDArray[np.uint8],
    colors: NDArray[np.uint8],
    *,
    limit: int,
    mask: NDArray[np.bool_] | None = None,
) -> dict[str, Any] | None:
    """xyz: (H, W, 3) or (P, 3), levels: (H, W) or (P,), colors: with 3 channels -> for the page.

    Return at most about ``limit`` points: their count, the radius of the part in its own unit, and
    the deflated planes x, y, z (int16 differences from the point before), level, red, green, blue.
    None without points. A map is turned from the camera's view to x right, y up, z to the viewer.
    """
    inside = is_foreground(xyz, mask)
    chosen = _chosen(inside, limit)
    if len(chosen) == 0:
        return None
    points = xyz.reshape(-1, 3)[chosen].astype(np.float64)
    if xyz.ndim == 3:
        points = points * (1, -1, -1)
    low, high = points.min(0), points.max(0)
    radius = max(float(np.linalg.norm(high - low)) / 2, 1e-12)
    steps = np.rint((points - (low + high) / 2) / radius * _STEPS).astype(np.int16)
    differences = np.diff(steps, axis=0, prepend=np.zeros((1, 3), np.int16))
    planes = colors.reshape(-1, 3)[chosen].T
    content = deflated(differences.T.astype("<i2"), levels.reshape(-1)[chosen], planes)
    return {"count": len(chosen), "radius": radius, "data": content}


def _chosen(inside: NDArray[np.bool_], limit: int) -> NDArray[np.int64]:
    """Return evenly spread foreground points: of a map, those of a coarser grid."""
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
