"""Convert depth as Eyecandies stores it: 16-bit levels, their range, and the pose of the camera."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOCAL_LENGTH = 711.11 / 512  # in image widths


def parse_bound(text: str, name: str) -> float:
    """Return the number that info_depth.yaml gives as ``name``, "min" or "max".

    Without one, raise a ValueError whose message is the value in its place, or "nothing".
    """
    match = re.search(rf"^\s*{name}:\s*([-+.\deE]+)\s*$", text, re.MULTILINE)
    if match is None:
        msg = "nothing"
        raise ValueError(msg)
    try:
        return float(match[1])
    except ValueError:
        raise ValueError(match[1]) from None


def to_meters(levels: NDArray[Any], low: float, high: float) -> NDArray[Any]:
    """Return the depths of levels from 0 to 65535, where 0 is ``low`` and 65535 is ``high``."""
    depth: NDArray[Any] = low + levels / 65535 * (high - low)
    return depth


def parse_pose(text: str) -> NDArray[np.float64]:
    """Return the matrix (4, 4) from the camera to the world; pose.txt holds its inverse."""
    values = [float(word) for word in text.split()]
    return np.linalg.inv(np.array(values).reshape(4, 4))


def to_world(xyz: NDArray[Any], camera_to_world: NDArray[np.float64]) -> NDArray[Any]:
    """Return points (..., 3) in the axes of the world, from xyz (..., 3) in those of the camera."""
    points: NDArray[Any] = xyz @ camera_to_world[:3, :3].T + camera_to_world[:3, 3]
    return points
