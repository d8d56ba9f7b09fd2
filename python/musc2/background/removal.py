"""The plane that a part lies on, from the border of its xyz map, where there is little else."""

from __future__ import annotations

from typing import Any

import numpy as np

from musc2.background.plane import fit_plane

_WIDTH = 10  # pixels of the border


def border(xyz: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """xyz: (H, W, 3) -> (P, 3), the points within 10 pixels of the border that are there: finite, and z not 0."""
    edge = np.ones(xyz.shape[:2], bool)
    edge[_WIDTH:-_WIDTH, _WIDTH:-_WIDTH] = False
    points = xyz[edge]
    found: np.ndarray[Any, Any] = points[np.isfinite(points).all(axis=1) & (points[:, 2] != 0)]
    return found


def without_plane(
    xyz: np.ndarray[Any, Any], *, fit: float = 0.004, remove: float = 0.005, seed: int = 0, label: str = "xyz"
) -> np.ndarray[Any, Any]:
    """xyz: (H, W, 3) -> the same with 0 where a point is nearer than ``remove`` to the plane of its border.

    fit: how near the border's points are that the plane is fitted to. The values are those of MVTec 3D-AD's published
    preparation, in metres. A border without a plane is an error that begins with ``label``.
    """
    plane = fit_plane(border(xyz), distance=fit, seed=seed, label=f"{label}: the points within 10 pixels of the border")
    with np.errstate(invalid="ignore"):  # what is missing may be NaN
        near = plane.distances(xyz) < remove
    found: np.ndarray[Any, Any] = xyz.copy()
    found[near] = 0
    return found
