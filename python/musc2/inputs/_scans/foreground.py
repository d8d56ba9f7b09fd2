"""Find the foreground of an xyz map or cloud, coordinate by coordinate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from musc2.inputs.sample import Label

_MOST_SPREAD_POINTS = 5000
_LARGEST = 1e18
Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Foreground:
    """The foreground of one xyz map or cloud, not centered yet.

    columns: (3, P), x, y and z of each point; index: (P,) of each among the ``input_count`` points,
    rising; size: (h, w) of the map, None for a cloud; lowest, highest: (3,) of the columns; steps:
    how many steps of its type and of float32 the part is wide, about.
    """

    columns: Floats
    index: np.ndarray[Any, np.dtype[np.int64]]
    size: tuple[int, int] | None
    input_count: int
    lowest: np.ndarray[Any, np.dtype[np.float64]]
    highest: np.ndarray[Any, np.dtype[np.float64]]
    steps: float


def find_foreground(
    surface: np.ndarray[Any, Any],
    mask: np.ndarray[Any, Any] | None,
    *,
    all_coordinates: bool,
    label: Label,
) -> Foreground:
    """Return the foreground of an xyz map (h, w, 3) or cloud (P, 3), of all numeric types.

    Columns are of float32 if the surface is, else of float64; always of float32 with
    ``all_coordinates``, for which a point of a map is background if any of its coordinates is 0.
    """
    is_narrow = surface.dtype.kind == "f" and surface.dtype.itemsize == 4
    with np.errstate(over="ignore"):  # too large for float32 is infinite, thus background
        dtype = np.float32 if is_narrow or all_coordinates else np.float64
        columns = np.ascontiguousarray(surface.reshape(-1, 3).T, dtype=dtype)
    is_map = surface.ndim == 3
    chosen = _finite_and_not_zero(columns, is_map, all_coordinates)
    if mask is not None:
        chosen &= mask.reshape(-1)
    index = np.flatnonzero(chosen)
    if len(index) == 0:
        counts = f"background only ({chosen.size} of {chosen.size} points)"
        label.refuse("must have foreground", counts)
    if len(index) < chosen.size:
        columns = columns.take(index, axis=1)
    lowest, highest = columns.min(axis=1).astype(np.float64), columns.max(axis=1).astype(np.float64)
    largest = max(-float(lowest.min()), float(highest.max()))
    if largest > _LARGEST:
        label.refuse("must have coordinates of at most 1e18", f"{largest:g}")
    return Foreground(
        columns=columns,
        index=index.astype(np.int64, copy=False),
        size=(surface.shape[0], surface.shape[1]) if is_map else None,
        input_count=chosen.size,
        lowest=lowest,
        highest=highest,
        steps=_steps(columns, surface.dtype, largest, float((highest - lowest).max())),
    )


def _finite_and_not_zero(
    columns: Floats, is_map: bool, all_coordinates: bool
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    x, y, z = columns
    if not is_map:
        nonzero = (x != 0) | (y != 0) | (z != 0)
    elif all_coordinates:
        nonzero = (x != 0) & (y != 0) & (z != 0)
    else:
        nonzero = z != 0
    for column in columns:
        nonzero &= np.isfinite(column)
    return np.asarray(nonzero)


def _steps(columns: Floats, dtype: np.dtype[Any], largest: float, extent: float) -> float:
    """Return the width of most of the points in steps of the type that is coarser there.

    Those of ``dtype``, in which they were passed, count at the largest coordinate, those of
    float32, in which they go on, at their extent.
    """
    count = columns.shape[1]
    thinned = columns[:, :: max(1, count // _MOST_SPREAD_POINTS)]
    last = thinned.shape[1] - 1
    low, high = math.floor(0.05 * last), math.ceil(0.95 * last)
    ranked = np.partition(thinned, (low, high), axis=1)
    width = float(np.subtract(ranked[:, high], ranked[:, low], dtype=np.float64).max())
    if width == 0:
        return 0.0
    size = extent * float(np.finfo(np.float32).eps)
    if dtype.kind == "f":
        size = max(size, largest * float(np.finfo(dtype).eps))
    return width / size
