"""Connected pixels of a mask, and the outline around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Runs:
    """Horizontal runs of True pixels: row, first and last column + 1, and component of each."""

    rows: Ints
    starts: Ints
    ends: Ints
    components: Ints
    count: int


def connected(mask: Mask) -> Runs:
    """mask: (H, W) -> its runs; pixels that touch, at corners too, share a component.

    Components are numbered from 0 by their first pixels in row order.
    """
    height, width = mask.shape
    stride = width + 2  # two columns of background keep runs of different rows apart
    flat = np.zeros((height, stride), np.int8)
    flat[:, :width] = mask
    steps = np.diff(flat.ravel(), prepend=0)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    # The runs of the next row that touch a run: those between first and last.
    first = np.searchsorted(ends, starts + stride, side="left")
    last = np.searchsorted(starts, ends + stride, side="right")
    counts = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(starts)), counts)
    offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    lower = np.repeat(first, counts) + offsets
    roots = _roots(len(starts), upper, lower)
    _, components = np.unique(roots, return_inverse=True)
    rows = starts // stride
    return Runs(
        rows=rows,
        starts=starts - rows * stride,
        ends=ends - rows * stride,
        components=components.reshape(-1),
        count=int(components.max()) + 1 if len(components) else 0,
    )


def outline(mask: Mask) -> Ints:
    """mask: (H, W), one component -> (K, 2): the corners x, y of its outer outline.

    Corners lie between pixels: pixel (x, y) is the square from (x, y) to (x + 1, y + 1). The
    outline is clockwise on the screen, begins at its first pixel and leaves holes out.
    """
    padded = np.pad(mask, 1)
    y, x = divmod(int(mask.ravel().argmax()), mask.shape[1])
    start = (x, y)
    step = (1, 0)
    corners = [start]
    while True:
        x, y = x + step[0], y + step[1]
        right, down = step
        # The two pixels ahead of the corner: on the left and on the right of the way.
        left_ahead = padded[y + 1 + (down - right - 1) // 2, x + 1 + (right + down - 1) // 2]
        right_ahead = padded[y + 1 + (down + right - 1) // 2, x + 1 + (right - down - 1) // 2]
        if left_ahead:
            turn = (down, -right)
        elif right_ahead:
            turn = step
        else:
            turn = (-down, right)
        if (x, y) == start and turn == (1, 0):
            return np.array(corners, np.int64)
        if turn != step:
            corners.append((x, y))
        step = turn


def _roots(count: int, upper: Ints, lower: Ints) -> Ints:
    """Return the lowest member of each node's component, by hooking and pointer jumping."""
    roots = np.arange(count)
    while True:
        above, below = roots[upper], roots[lower]
        if np.array_equal(above, below):
            return roots
        np.minimum.at(roots, np.maximum(above, below), np.minimum(above, below))
        while not np.array_equal(roots, roots[roots]):
            roots = roots[roots]
