"""Points on the surface of a mesh, spread by area, the same for the same file."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from musc2.inputs.sample import Label

POINTS = 50_000
_STEPS = (0.7548776662466927, 0.5698402909980532)  # of the evenest sequence in two dimensions

Vertices = np.ndarray[Any, Any]
Triangles = np.ndarray[Any, np.dtype[np.int64]]


def sample(vertices: Vertices, triangles: Triangles, label: Label) -> np.ndarray[Any, Any]:
    """Return 50,000 points (P, 3) float64 on triangles (T, 3), as dense on each of them.

    The vertices themselves if there are no triangles.
    """
    if len(vertices) == 0:
        label.refuse("must have at least one vertex", 0)
    if len(triangles) == 0:
        return vertices.astype(np.float64)
    if triangles.min() < 0 or triangles.max() >= len(vertices):
        got = int(triangles.min() if triangles.min() < 0 else triangles.max())
        label.refuse(f"must have faces of its {len(vertices)} vertices", f"vertex {got}")
    a, b, c = np.moveaxis(vertices.astype(np.float64)[triangles], 1, 0)
    with np.errstate(over="ignore", invalid="ignore"):
        areas = np.sqrt(np.square(np.cross(b - a, c - a)).sum(axis=1))
    ends = np.cumsum(np.where(np.isfinite(areas), areas, 0))
    if not 0 < ends[-1] < np.inf:
        label.refuse("must have a surface", f"{len(triangles)} triangles without area")
    number = np.arange(POINTS)
    chosen = np.searchsorted(ends, (number + 0.5) * (ends[-1] / POINTS), side="right")
    chosen = np.minimum(chosen, len(ends) - 1)
    u, v = ((0.5 + number * step) % 1 for step in _STEPS)
    root = np.sqrt(u)[:, None]
    across = v[:, None]
    points: np.ndarray[Any, Any] = a[chosen]
    points *= 1 - root
    for corners, weights in ((b, root * (1 - across)), (c, root * across)):
        step = corners[chosen]
        step *= weights
        points += step
    return points


def fan(polygons: Iterable[Sequence[int]], label: Label) -> Triangles:
    """Return polygons of any number of vertices as triangles (T, 3) around their first one."""
    triangles: list[tuple[int, int, int]] = []
    for polygon in polygons:
        if len(polygon) < 3:
            label.refuse("must have faces of at least 3 vertices", len(polygon))
        for second, third in itertools.pairwise(polygon[1:]):
            triangles.append((polygon[0], second, third))
    return np.array(triangles, np.int64).reshape(-1, 3)


def numbers(rows: Sequence[bytes], label: Label) -> Vertices:
    """Return the first three numbers of each line, (P, 3) float64."""
    if not rows:
        label.refuse("must have at least one vertex", 0)
    values: Vertices = np.loadtxt(
        rows, usecols=(0, 1, 2), comments=None, ndmin=2, encoding="latin1"
    )
    return values


def index(word: bytes, label: Label) -> int:
    """Return a whole number that names a vertex."""
    try:
        value = int(word)
    except ValueError:
        label.refuse("must have whole numbers for the vertices of its faces", repr(word[:40]))
    if abs(value) >= 1 << 62:
        label.refuse("must have whole numbers for the vertices of its faces", repr(word[:40]))
    return value
