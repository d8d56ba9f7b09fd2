"""The foreground points of one part and the centers of their groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import torch

from musc2 import checks


@dataclass(frozen=True, kw_only=True, eq=False)
class Cloud:
    """The foreground points of one sample and the centers of their groups.

    points: (P, 3) float32; centers: (G,) indices into points; curvature: (G,) float32 at the
    centers; pixels: (P,) row * W + column of each point in the map of ``size`` (H, W), or both None
    for a cloud without a map. Numpy arrays are accepted; copies are kept, indices as int64.
    ``musc2.make_cloud(points)`` chooses centers and measures their curvature.

    >>> Cloud(points=torch.rand(9, 3), centers=torch.arange(4), curvature=torch.zeros(4))
    Cloud(9 points, 4 centers)
    """

    points: torch.Tensor
    centers: torch.Tensor
    curvature: torch.Tensor
    pixels: torch.Tensor | None = None
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        points = _array("points", self.points, 2, floating=True)
        centers = _array("centers", self.centers, 1, floating=False)
        curvature = _array("curvature", self.curvature, 1, floating=True)
        if points.shape[1] != 3 or len(points) == 0:
            _refuse("points", "(P, 3) with at least one point", tuple(points.shape))
        if len(centers) == 0 or len(centers) != len(curvature):
            counts = f"{len(centers)} and {len(curvature)}"
            _refuse("centers", "as many as curvature, at least one", counts)
        _check_indices("centers", centers, len(points), "points")
        if (self.pixels is None) != (self.size is None):
            _refuse("pixels", "given together with size", "pixels" if self.size is None else "size")
        if self.pixels is not None and self.size is not None:
            height, width = checks.size("Cloud", "size", self.size)
            pixels = _array("pixels", self.pixels, 1, floating=False)
            if len(pixels) != len(points):
                _refuse("pixels", f"one for each of the {len(points)} points", len(pixels))
            _check_indices("pixels", pixels, height * width, f"pixels of size ({height}, {width})")
            object.__setattr__(self, "pixels", pixels)
            object.__setattr__(self, "size", (height, width))
        for name, value in (("points", points), ("centers", centers), ("curvature", curvature)):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        counts = f"{len(self.points)} points, {len(self.centers)} centers"
        if self.size is None:
            return f"Cloud({counts})"
        return f"Cloud({counts} in a map of {self.size[0]} x {self.size[1]})"


def center_points(clouds: Sequence[Cloud]) -> torch.Tensor:
    """Return the centers of all clouds, one after the other, (T, 3)."""
    return torch.cat([cloud.points[cloud.centers] for cloud in clouds])


def _array(name: str, value: object, rank: int, *, floating: bool) -> torch.Tensor:
    """Return ``value`` as a float32 or int64 tensor.

    The way goes through numpy, because torch may not start threads in a forked child.
    """
    array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value
    dtype = "float32" if floating else "whole numbers"
    requirement = f"a rank {rank} tensor or numpy array of {dtype}"
    if not isinstance(array, np.ndarray):
        _refuse(name, requirement, repr(value))
    if array.ndim != rank:
        _refuse(name, requirement, tuple(array.shape))
    if array.dtype != np.float32 if floating else array.dtype.kind not in "iu":
        _refuse(name, requirement, array.dtype)
    if floating and not np.isfinite(array).all():
        _refuse(name, "finite", "NaN or infinity")
    return torch.from_numpy(np.array(array, dtype=np.float32 if floating else np.int64))


def _check_indices(name: str, index: torch.Tensor, limit: int, items: str) -> None:
    low, high = int(index.min()), int(index.max())
    if low < 0 or high >= limit:
        _refuse(name, f"indices into the {limit} {items}", low if low < 0 else high)


def _refuse(name: str, requirement: str, got: object) -> NoReturn:
    checks.refuse("Cloud", name, f"must be {requirement}", got)
