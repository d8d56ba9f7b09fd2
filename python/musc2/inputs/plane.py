"""The plane that most points lie on: RANSAC over three points at a time, then least squares over those near it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from musc2.inputs.sample import Label

Floats = np.ndarray[Any, np.dtype[np.float64]]
_ROUNDS = 1000  # samples of three points at most
_BLOCK = 32  # of them at a time
_MISSED = 1e-6  # chance that no sample lay on the plane, at which the search ends
_REFITS = 10
_ENOUGH = 5000  # points to compare planes by; more are thinned out
_FEWEST = 0.1  # of the points: fewer are no plane
_REQUIREMENT = "must lie on a plane for the most part"
POINTS = Label(op="fit_plane", text="points")


@dataclass(frozen=True, eq=False)
class Plane:
    """The places p with normal . p = offset. normal: (3,) float64 of length 1; share: of the points, those near it."""

    normal: Floats
    offset: float
    share: float

    def distances(self, xyz: np.ndarray[Any, Any]) -> Floats:
        """xyz: (..., 3) -> how far each point is from the plane (...), float64."""
        return np.abs(_along(xyz, self.normal) - self.offset)


def fit_plane(points: np.ndarray[Any, Any], *, distance: float, seed: int = 0, label: Label = POINTS) -> Plane:
    """points: (P, 3), finite -> the plane with the most points within ``distance``.

    The best of up to 1000 planes through three random points, fitted by least squares to the points within
    ``distance`` until those stay the same. The same seed gives the same plane. Fewer than three points, points all on
    a line, and points of which no plane has a tenth, are an error that begins with ``label``.

    >>> floor = np.random.default_rng(0).uniform(-1, 1, (500, 3)) * [1, 1, 0]
    >>> bool(abs(fit_plane(floor, distance=0.01).normal[2]) > 0.9999)
    True
    """
    if len(points) < 3:
        label.refuse(_REQUIREMENT, f"{len(points)} points")
    middle = points.mean(axis=0, dtype=np.float64)
    centered = points - middle
    found = _most_common(centered[:: -(-len(points) // _ENOUGH)], distance, np.random.default_rng(seed))
    if found is None:
        label.refuse(_REQUIREMENT, "points that all lie on a line")
    normal, offset = found
    near = np.zeros(len(points), bool)
    for _ in range(_REFITS):
        before, near = near, np.abs(_along(centered, normal) - offset) < distance
        if near.sum() < 3 or (near == before).all():
            break
        normal, offset = _least_squares(centered[near])
    if (share := float(near.mean())) < _FEWEST:
        label.refuse(_REQUIREMENT, f"none with more than {share:.1%} of them within {distance:g}")
    return Plane(normal, offset + float(middle @ normal), share)


def _most_common(points: Floats, distance: float, rng: np.random.Generator) -> tuple[Floats, float] | None:
    """Normal and offset of the plane through three of the points that is near the most of them."""
    best, most, tried, wanted = None, 0, 0, float(_ROUNDS)
    while tried < wanted:
        a, b, c = points[rng.integers(0, len(points), (3, _BLOCK))]
        normals = np.cross(b - a, c - a)
        lengths = np.sqrt(np.square(normals).sum(axis=1))
        edges = np.sqrt(np.square(b - a).sum(axis=1) * np.square(c - a).sum(axis=1))
        good = lengths > 1e-6 * edges  # else they are one place or on a line
        for normal, point in zip(normals[good] / lengths[good, None], a[good], strict=True):
            offset = float(_along(point, normal))
            count = int((np.abs(_along(points, normal) - offset) < distance).sum())
            if count > most:
                best, most = (normal, offset), count
        tried += _BLOCK
        wanted = min(_ROUNDS, _samples_for(most / len(points)))
    return best


def _samples_for(share: float) -> float:
    """Samples after which one with all three points on a plane of this share of the points was missed by hardly any."""
    if share <= 0:
        return math.inf
    return 0.0 if share >= 1 else math.log(_MISSED) / math.log1p(-(share**3))


def _least_squares(points: Floats) -> tuple[Floats, float]:
    center = points.mean(axis=0)
    offsets = points - center
    normal: Floats = np.linalg.eigh(np.einsum("pi,pj->ij", offsets, offsets))[1][:, 0]
    return normal, float(center @ normal)


def _along(points: np.ndarray[Any, Any], normal: Floats) -> Floats:
    """points . normal; not by BLAS, whose sums depend on the number of its threads."""
    points = points.astype(np.float64, copy=False)
    found: Floats = points[..., 0] * normal[0] + points[..., 1] * normal[1] + points[..., 2] * normal[2]
    return found
