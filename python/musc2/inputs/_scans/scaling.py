"""Center points on their mean and divide them by their largest norm, the same on every device."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from musc2.inputs._scans.foreground import Floats, Foreground

_SUM_BITS = 62
_LOWEST_EXPONENT = -900  # below it 2 to the bits is too large for float64


def scaled(
    foreground: Foreground, dtype: type[np.floating[Any]]
) -> tuple[Floats, tuple[float, float, float], float]:
    """Return the points as (3, P) of ``dtype``, computed in it, their center and their scale.

    The largest norm, in float64, is the scale. Where all points are equal it is 0, and so are they.
    """
    center = _center(foreground)
    moved = foreground.columns.astype(dtype)
    moved -= center.astype(dtype)[:, None]
    x, y, z = np.square(moved, dtype=np.float64)
    scale = math.sqrt((x + y + z).max())
    if scale > 0:
        moved /= dtype(scale)
    return moved, (float(center[0]), float(center[1]), float(center[2])), scale


def mean_table(foreground: Foreground) -> Floats:
    """Return what the mean is computed with, (4, 3): factor, divisor, lowest, highest of x, y, z.

    The mean of a column is the sum of ``round(value * factor)``, a whole number of at most 62 bits,
    over ``divisor``. So the order of the points does not matter, and every device has the same sum.
    Values of float32 lose nothing unless they are a few million times smaller than the largest.
    The mean of equal values is that value: it is at least the lowest, at most the highest.
    """
    count = foreground.columns.shape[1]
    exponents = np.frexp(np.maximum(-foreground.lowest, foreground.highest))[1]
    bits = _SUM_BITS - count.bit_length()
    factor = np.ldexp(1.0, bits - np.maximum(exponents, _LOWEST_EXPONENT))
    return np.stack([factor, factor * count, foreground.lowest, foreground.highest])


def _center(foreground: Foreground) -> np.ndarray[Any, np.dtype[np.float64]]:
    factor, divisor, lowest, highest = mean_table(foreground)
    totals = np.empty(3, np.int64)
    for axis, column in enumerate(foreground.columns):
        whole = column * factor[axis]
        totals[axis] = np.rint(whole, out=whole).astype(np.int64).sum()
    return np.asarray(np.clip(totals / divisor, lowest, highest))
