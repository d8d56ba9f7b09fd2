"""Remove the plane that a part lies on, found at the border of its xyz map."""

from __future__ import annotations

from typing import Any

import numpy as np

from musc2.inputs.clouds import PCD
from musc2.inputs.plane import fit_plane
from musc2.inputs.sample import Label

_BORDER = 10  # pixels


def border(xyz: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the valid points (P, 3) within 10 pixels of the border of xyz (H, W, 3)."""
    edge = np.ones(xyz.shape[:2], bool)
    edge[_BORDER:-_BORDER, _BORDER:-_BORDER] = False
    points = xyz[edge]
    valid: np.ndarray[Any, Any] = np.isfinite(points).all(axis=1) & (points[:, 2] != 0)
    return np.asarray(points[valid])


def remove_plane(
    xyz: np.ndarray[Any, Any],
    *,
    fit: float = 0.004,
    remove: float = 0.005,
    seed: int = 0,
    label: Label = PCD,
) -> np.ndarray[Any, Any]:
    """Return xyz (H, W, 3) with 0 for the points nearer than ``remove`` to the plane of its border.

    fit: the distance up to which points of the border count for the plane. The defaults are those
    of MVTec 3D-AD's published preprocessing, in meters. A border without a plane raises an
    InputError.
    """
    border_label = label.about(f"the points within {_BORDER} pixels of the border")
    plane = fit_plane(border(xyz), distance=fit, seed=seed, label=border_label)
    with np.errstate(invalid="ignore"):  # missing points may be NaN
        near = plane.distances(xyz) < remove
    remaining: np.ndarray[Any, Any] = xyz.copy()
    remaining[near] = 0
    return remaining
