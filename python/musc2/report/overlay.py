"""An anomaly map as colors over its image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from musc2.errors import InputError

# Low values leave the image as it is; high ones go from yellow over red to white.
_STOPS = np.array([0.0, 0.3, 0.55, 0.8, 1.0])
_COLORS = np.array(
    [[255, 225, 60], [255, 225, 60], [250, 130, 20], [220, 20, 30], [255, 255, 255]], float
)
_OPACITY = np.array([0.0, 0.25, 0.6, 0.8, 0.9])
_STEPS = 1021  # of the colors; the stops are among them


def overlay(
    rgb: NDArray[np.uint8],
    map: NDArray[Any],
    *,
    low: float | None = None,
    high: float | None = None,
) -> NDArray[np.uint8]:
    """rgb: (H, W, 3) uint8, map: (H, W) -> (H, W, 3) uint8, the map as colors over the image.

    Values of ``low`` and below leave the image as it is, ``high`` is the brightest.

    They default to the median and the maximum of the map. Give the same two for pictures that are
    to be compared.

    >>> overlay(np.zeros((2, 2, 3), np.uint8), np.array([[0.0, 0.0], [0.0, 1.0]]))[1].tolist()
    [[0, 0, 0], [229, 229, 229]]
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        msg = f"overlay: rgb must be (H, W, 3) uint8, got {rgb.dtype} of shape {rgb.shape}"
        raise InputError(msg)
    if map.shape != rgb.shape[:2] or not np.isfinite(map).all():
        msg = f"overlay: map must be {rgb.shape[:2]} finite values, got shape {map.shape}"
        raise InputError(msg)
    bottom = float(np.median(map)) if low is None else low
    top = float(map.max()) if high is None else high
    mixed: NDArray[np.uint8] = rgb.copy()
    above = map > bottom
    rows, columns = above.any(1).nonzero()[0], above.any(0).nonzero()[0]
    if len(rows) == 0:
        return mixed
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    level = np.clip((map[box] - bottom) / max(top - bottom, 1e-12), 0, 1)
    steps = np.round(level * (_STEPS - 1)).astype(np.int16)
    positions = np.linspace(0, 1, _STEPS)
    colors = np.stack([np.interp(positions, _STOPS, channel) for channel in _COLORS.T], -1)
    opacity = np.interp(positions, _STOPS, _OPACITY)[:, None]
    kept, added = (1 - opacity).astype(np.float32), (colors * opacity).astype(np.float32)
    mixed[box] = mixed[box] * kept[steps] + added[steps]
    return mixed
