"""Choose as many points of a dense scan as are needed, evenly spread over its surface."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from musc2 import ops

Floats = np.ndarray[Any, np.dtype[np.float32]]
Indices = np.ndarray[Any, np.dtype[np.int64]]
_SURPLUS = 2  # filled cubes for each point that is kept, at least
_STEP = math.sqrt(2)  # between the sides that are tried
_MAX_CUBES = 1 << 20  # along an axis
_TABLE_BITS = 22


def thin(points: Floats, most: int) -> Indices:
    """Return rows of ``most`` of the points (P, 3), finite, that cover them evenly, rising.

    The points are sorted into cubes with some more than ``most`` of them filled; of the points
    nearest to the middle of each, those that are farthest from each other are kept. So the
    distances between kept points depend on ``most`` and on the surface, not on the density of the
    scan, and the choice does not depend on the order of the points. No point is farther from a kept
    one than that is from its nearest neighbor, but for the cubes' diagonal.

    >>> plate = np.random.default_rng(0).random((40_000, 3), dtype=np.float32)
    >>> plate[:, 2] = 0
    >>> len(thin(plate, 4000))
    4000
    """
    if len(points) <= most:
        return np.arange(len(points))
    rows = np.empty(0, np.int64)
    if len(points) > _SURPLUS * most:
        columns = np.ascontiguousarray(points.T)
        columns -= columns.min(axis=1, keepdims=True)
        rows = _one_per_cube(columns, _cube_side(columns, most), points)
    if len(rows) < most:  # few points, or most of them in few cubes
        x, y, z = points.T
        rows = np.lexsort((z, y, x))
    picked = ops.farthest_points(torch.from_numpy(points[rows]), most)
    return np.unique(rows[picked.numpy()])


def _cube_side(columns: Floats, most: int) -> float:
    """Return the largest side tried with enough filled cubes; the smallest if none has."""
    extent = float(columns.max())
    smallest = extent / _MAX_CUBES
    side = extent / math.pow(_SURPLUS * most, 1 / 3)
    while side > smallest and _filled(columns, side) < _SURPLUS * most:
        side /= _STEP
    return side


def _filled(columns: Floats, side: float) -> int:
    """Return about how many cubes are filled: two may fall on one slot of the table."""
    slot = np.zeros(columns.shape[1], np.uint32)
    for column, factor in zip(columns, (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D), strict=True):
        slot ^= (column / np.float32(side)).astype(np.uint32) * np.uint32(factor)
    table = np.zeros(1 << _TABLE_BITS, bool)
    table[slot >> np.uint32(32 - _TABLE_BITS)] = True
    return int(np.count_nonzero(table))


def _one_per_cube(columns: Floats, side: float, points: Floats) -> Indices:
    """Return the row of the point nearest to the middle of each cube; equals by coordinates."""
    if side == 0:  # all points are equal
        return np.empty(0, np.int64)
    key = np.zeros(columns.shape[1], np.int64)
    from_middle = np.zeros(columns.shape[1], np.float32)
    for column in columns:
        position = column / np.float32(side)
        cube = np.floor(position)
        from_middle += np.square(position - cube - np.float32(0.5))
        key *= int(cube.max()) + 1
        key += cube.astype(np.int64)
    if key.max() < 2**31:
        key = key.astype(np.int32)  # sorted faster
    order = np.argsort(key)
    sorted_keys, distances = key[order], from_middle[order]
    starts = np.flatnonzero(np.diff(sorted_keys, prepend=-1))
    counts = np.diff(starts, append=len(order))
    nearest = distances == np.repeat(np.minimum.reduceat(distances, starts), counts)
    candidates = order[nearest]
    x, y, z = points[candidates].T
    candidates = candidates[np.lexsort((z, y, x, key[candidates]))]
    kept: Indices = candidates[np.diff(key[candidates], prepend=-1) != 0]
    return kept
