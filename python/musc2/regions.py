"""The regions of a map above a threshold: where on a part its defects are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from musc2 import checks, components


@dataclass(frozen=True, kw_only=True, eq=False)
class Region:
    """Connected pixels of one part's map that are above the threshold of the maps.

    - box: (x, y, width, height) in pixels of the map; mask: (height, width) bool within it.
    - outline: (K, 2) int64, the corners x, y around it; pixel (x, y) is the square from (x, y) to
      (x + 1, y + 1). Holes are left out.
    - area: in pixels; area_mm2: of the surface, from an xyz map in mm; None without one.
    - peak: (x, y) of the highest value, which is ``score``.
    """

    box: tuple[int, int, int, int]
    mask: torch.Tensor
    outline: torch.Tensor
    area: int
    area_mm2: float | None
    peak: tuple[int, int]
    score: float

    def __repr__(self) -> str:
        x, y, width, height = self.box
        size = f"{width} x {height} at ({x}, {y}), {self.area} pixels"
        return f"Region({size}, score {self.score:.4g})"


def regions(
    values: torch.Tensor, threshold: float, pixel_areas: NDArray[np.float64] | None = None
) -> list[Region]:
    """values: (H, W) -> its regions above ``threshold``, the highest score first.

    pixel_areas: (H, W) the surface of each pixel in mm²; see ``surface_areas``.
    """
    array = values.numpy()
    above = array > threshold
    rows = np.flatnonzero(above.any(1))
    if len(rows) == 0:
        return []
    runs = components.connected(above[rows[0] : rows[-1] + 1])
    runs = replace(runs, rows=runs.rows + rows[0])
    order = np.argsort(runs.components, kind="stable")
    bounds = np.searchsorted(runs.components[order], np.arange(1, runs.count))
    split = np.split(order, bounds) if runs.count else []
    unsorted = [_region(array, runs, members, pixel_areas) for members in split]
    return sorted(unsorted, key=lambda region: -region.score)


def _region(
    values: NDArray[np.float32],
    runs: components.Runs,
    members: NDArray[np.int64],
    pixel_areas: NDArray[np.float64] | None,
) -> Region:
    rows, starts, ends = runs.rows[members], runs.starts[members], runs.ends[members]
    x, y = int(starts.min()), int(rows.min())
    width, height = int(ends.max()) - x, int(rows.max()) + 1 - y
    mask = np.zeros((height, width), bool)
    for row, start, end in zip(rows - y, starts - x, ends - x, strict=True):
        mask[row, start:end] = True
    box = (slice(y, y + height), slice(x, x + width))
    inside = np.where(mask, values[box], -np.inf)
    peak_y, peak_x = divmod(int(inside.argmax()), width)
    return Region(
        box=(x, y, width, height),
        mask=torch.from_numpy(mask),
        outline=torch.from_numpy(components.outline(mask) + np.array([x, y])),
        area=int(mask.sum()),
        area_mm2=None if pixel_areas is None else float(pixel_areas[box][mask].sum()),
        peak=(x + peak_x, y + peak_y),
        score=float(inside.max()),
    )


def pixel_areas(xyz: object, size: Sequence[int]) -> NDArray[np.float64] | None:
    """Return the surface that each pixel of a map of ``size`` covers, None without a scan."""
    if xyz is None:
        return None
    plain = xyz.detach().cpu().numpy() if isinstance(xyz, torch.Tensor) else xyz
    if not isinstance(plain, np.ndarray) or plain.ndim != 3 or plain.shape[2] != 3:
        got = tuple(plain.shape) if isinstance(plain, np.ndarray) else type(xyz).__name__
        checks.refuse("Result.regions", "xyz", "must have shape (H, W, 3)", got)
    return surface_areas(plain, (size[0], size[1]))


def surface_areas(xyz: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float64]:
    """xyz: (H, W, 3) -> (h, w): the surface that each pixel of a map of ``size`` covers.

    0 where the scan has no points.
    """
    points = xyz.astype(np.float64)
    is_valid = np.isfinite(points).all(2) & (points[..., 2] != 0)
    points[~is_valid] = np.nan
    areas = np.linalg.norm(np.cross(_steps(points, 0), _steps(points, 1)), axis=2)
    areas = np.where(np.isfinite(areas), areas, 0.0)
    if areas.shape == size:
        return areas
    rows = (np.arange(size[0]) + 0.5) * areas.shape[0] // size[0]
    columns = (np.arange(size[1]) + 0.5) * areas.shape[1] // size[1]
    shrink = areas.size / (size[0] * size[1])
    scaled: NDArray[np.float64] = areas[np.ix_(rows.astype(int), columns.astype(int))] * shrink
    return scaled


def _steps(points: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return the step to the next point along an axis: the mean of those on both sides."""
    if points.shape[axis] < 2:
        return np.full_like(points, np.nan)
    step = np.diff(points, axis=axis)
    gap = np.full_like(np.take(points, [0], axis=axis), np.nan)
    before, after = np.concatenate([gap, step], axis), np.concatenate([step, gap], axis)
    mean = np.where(np.isnan(after), before, (before + after) / 2)
    return np.where(np.isnan(before), after, mean)
