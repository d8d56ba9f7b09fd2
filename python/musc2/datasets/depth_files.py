"""Depth as Eyecandies stores it: 16-bit levels, beside them the range that these stand for and the camera's pose."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOCAL = 711.11 / 512  # of the image's width


def bound(said: str, name: str) -> float:
    """The number that info_depth.yaml gives as ``name``, "min" or "max"; a ValueError has what stands there instead."""
    found = re.search(rf"^\s*{name}:\s*([-+.\deE]+)\s*$", said, re.MULTILINE)
    try:
        return float(found[1] if found else "")
    except ValueError:
        raise ValueError(found[1] if found else "nothing") from None


def meters(levels: NDArray[Any], low: float, high: float) -> NDArray[Any]:
    """What levels from 0 to 65535 stand for."""
    found: NDArray[Any] = low + levels / 65535 * (high - low)
    return found


def camera(said: str) -> NDArray[np.float64]:
    """pose.txt -> (4, 4), from the camera to the world: what the file holds is the other way round."""
    return np.linalg.inv(np.array([float(value) for value in said.split()]).reshape(4, 4))


def in_world(xyz: NDArray[Any], where: NDArray[np.float64]) -> NDArray[Any]:
    """(..., 3) -> (..., 3): points from the camera's axes to the world's; ``where`` is its ``camera``."""
    found: NDArray[Any] = xyz @ where[:3, :3].T + where[:3, 3]
    return found
