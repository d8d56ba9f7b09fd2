"""Fit the plane that most points lie on: RANSAC over triples of points, then least squares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from musc2.inputs.sample import Label

Floats = np.ndarray[Any, np.dtype[np.float64]]
_MAX_TRIPLES = 1000
_TRIPLES_PER_ROUND = 32
_MISS_PROBABILITY = 1e-6  # that no triple lay on the plane; at this the search ends
_MAX_REFITS = 10
_MAX_SEARCH_POINTS = 5000  # planes are compared by these; more points are thinned out
_MIN_SHARE = 0.1  # of the points on the plane
_REQUIREMENT = "must lie on a plane for the most part"
POINTS = Label(op="fit_plane", text="points")


@dataclass(frozen=True, eq=False)
class Plane:
    """The points p with normal . p = offset.

    normal: (3,) float64 of length 1; share: the share of the fitted points that are near the plane.
    """

    normal: Floats
    offset: float
    share: float

    def distances(self, xyz: np.ndarray[Any, Any]) -> Floats:
        """Return the distance of each point of xyz (..., 3) from the plane, (...) float64."""
        return np.abs(_project(xyz, self.normal) - self.offset)


def fit_plane(
    points: np.ndarray[Any, Any],
    *,
    distance: float,
    seed: int = 0,
    label: Label = POINTS,
) -> Plane:
    """Return the plane with the most of the points (P, 3), all finite, within ``distance``.

    The best of up to 1000 planes through three random points is fitted by least squares to the
    points within ``distance`` until those stay the same. The same seed gives the same plane. Fewer
    than three points, points on a line, and points of which no plane has a tenth raise an
    InputError that begins with ``label``.

    >>> floor = np.random.default_rng(0).uniform(-1, 1, (500, 3)) * [1, 1, 0]
    >>> bool(abs(fit_plane(floor, distance=0.01).normal[2]) > 0.9999)
    True
    """
    if len(points) < 3:
        label.refuse(_REQUIREMENT, f"{len(points)} points")
    center = points.mean(axis=0, dtype=np.float64)
    centered = points - center
    stride = math.ceil(len(points) / _MAX_SEARCH_POINTS)
    candidate = _search(centered[::stride], distance, np.random.default_rng(seed))
    if candidate is None:
        label.refuse(_REQUIREMENT, "points that all lie on a line")
    normal, offset = candidate
    near = np.zeros(len(points), bool)
    for _ in range(_MAX_REFITS):
        previous = near
        near = np.abs(_project(centered, normal) - offset) < distance
        if near.sum() < 3 or (near == previous).all():
            break
        normal, offset = _least_squares(centered[near])
    share = float(near.mean())
    if share < _MIN_SHARE:
        got = f"none with more than {share:.1%} of them within {distance:g}"
        label.refuse(_REQUIREMENT, got)
    return Plane(normal, offset + float(center @ normal), share)


def _search(
    points: Floats,
    distance: float,
    rng: np.random.Generator,
) -> tuple[Floats, float] | None:
    """Return the normal and offset of the plane through three of the points that most are near."""
    best: tuple[Floats, float] | None = None
    best_count = 0
    triples, needed = 0, float(_MAX_TRIPLES)
    while triples < needed:
        a, b, c = points[rng.integers(0, len(points), (3, _TRIPLES_PER_ROUND))]
        normals = np.cross(b - a, c - a)
        lengths = np.sqrt(np.square(normals).sum(axis=1))
        edges = np.sqrt(np.square(b - a).sum(axis=1) * np.square(c - a).sum(axis=1))
        spanning = lengths > 1e-6 * edges  # the others coincide or lie on a line
        unit_normals = normals[spanning] / lengths[spanning, None]
        for normal, point in zip(unit_normals, a[spanning], strict=True):
            offset = float(_project(point, normal))
            count = int((np.abs(_project(points, normal) - offset) < distance).sum())
            if count > best_count:
                best, best_count = (normal, offset), count
        triples += _TRIPLES_PER_ROUND
        needed = min(_MAX_TRIPLES, _triples_needed(best_count / len(points)))
    return best


def _triples_needed(share: float) -> float:
    """Return the number of triples of which one almost certainly lies on a plane of this share."""
    if share <= 0:
        return math.inf
    if share >= 1:
        return 0.0
    return math.log(_MISS_PROBABILITY) / math.log1p(-(share**3))


def _least_squares(points: Floats) -> tuple[Floats, float]:
    center = points.mean(axis=0)
    offsets = points - center
    normal: Floats = np.linalg.eigh(np.einsum("pi,pj->ij", offsets, offsets))[1][:, 0]
    return normal, float(center @ normal)


def _project(points: np.ndarray[Any, Any], normal: Floats) -> Floats:
    """Return points . normal, without BLAS, whose sums depend on its number of threads."""
    points = points.astype(np.float64, copy=False)
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    products: Floats = x * normal[0] + y * normal[1] + z * normal[2]
    return products
