"""Pictures of scans: a surface lit from the upper left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
BACKGROUND = 24
_LIGHT = np.array([-0.45, -0.45, 0.77])
_MOST_CELLS = 320  # along the longer side of the picture of a cloud


def is_foreground(xyz: Floats, mask: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """xyz: (H, W, 3) or (P, 3) -> (H, W) or (P,) bool: where there is a point of the part."""
    inside: NDArray[np.bool_] = np.isfinite(xyz).all(-1)
    inside &= xyz[..., 2] != 0 if xyz.ndim == 3 else xyz.any(-1)
    if mask is not None and mask.shape == inside.shape:
        inside &= mask
    return inside


def relief(xyz: Floats, mask: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
    """xyz: (H, W, 3) -> (H, W, 3) gray: bright where the surface faces the light."""
    inside = is_foreground(xyz, mask)
    points = np.where(inside[..., None], xyz, np.nan).astype(np.float64)
    smooth = _box_mean(points)
    down, right = np.gradient(smooth, axis=0), np.gradient(smooth, axis=1)
    normals = np.cross(down, right)
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        normals /= length
    facing = np.nanmedian(normals.reshape(-1, 3), axis=0) if inside.any() else np.zeros(3)
    toward = -1.0 if facing[2] < 0 else 1.0
    # The light falls on the middle of the surface, however it is tilted; slopes are drawn steeper.
    slopes = np.nan_to_num((normals - facing) * toward)
    light = 150 + 260 * (slopes @ _LIGHT)
    return _gray(light, inside)


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """A picture of a cloud (P, 3), seen along its thinnest side.

    picture: (h, w, 3) gray; pixels: (P,) row * w + column of each point, -1 for background;
    origin: (3,), axes: (2, 3) and step: how a point becomes a column and a row.
    """

    picture: NDArray[np.uint8]
    pixels: NDArray[np.int64]
    origin: NDArray[np.float64]
    axes: NDArray[np.float64]
    step: float

    def place(self, xyz: NDArray[np.float64]) -> tuple[float, float]:
        """Return row and column of a point as fractions of the picture."""
        column, row = self.axes @ (xyz - self.origin) / self.step
        height, width = self.picture.shape[:2]
        return float(row / height), float(column / width)


def view(xyz: Floats, mask: NDArray[np.bool_] | None = None) -> View:
    """xyz: (P, 3) -> its picture, with about two points per pixel."""
    inside = is_foreground(xyz, mask)
    points = xyz[inside].astype(np.float64)
    center = points.mean(0)
    _, _, directions = np.linalg.svd(np.cov((points - center).T))
    axes = directions[:2]
    flat = (points - center) @ axes.T
    low, extent = flat.min(0), np.maximum(np.ptp(flat, axis=0), 1e-12)
    cells = np.clip(np.sqrt(len(points) / 2 * extent.max() / extent.min()), 24, _MOST_CELLS)
    step = float(extent.max() / cells)
    columns, rows = np.floor((flat - low) / step).astype(np.int64).T
    height, width = int(rows.max()) + 1, int(columns.max()) + 1
    pixels = np.full(len(xyz), -1, np.int64)
    pixels[inside] = rows * width + columns
    grid = np.full((height * width, 3), np.nan)
    grid[pixels[inside]] = np.column_stack([flat, (points - center) @ directions[2]])
    grid = _filled(grid.reshape(height, width, 3)).astype(np.float32)
    grid[..., 2] += 2 * step + np.nanmax(np.abs(grid[..., 2]))  # 0 would be background
    origin = center + low @ axes
    return View(picture=relief(grid), pixels=pixels, origin=origin, axes=axes, step=step)


def _filled(grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fill empty pixels with the mean of their neighbors, twice."""
    for _ in range(2):
        mean = _box_mean(grid)
        grid = np.where(np.isnan(grid), mean, grid)
    return grid


def _box_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """values: (H, W, C) -> the mean of the finite values of 3 x 3 pixels, NaN where are none."""
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)), constant_values=np.nan)
    is_valid = np.isfinite(padded)
    padded = np.where(is_valid, padded, 0)
    height, width = values.shape[:2]
    total, count = np.zeros_like(values), np.zeros_like(values)
    for row in range(3):
        for column in range(3):
            window = (slice(row, row + height), slice(column, column + width))
            total += padded[window]
            count += is_valid[window]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: NDArray[np.float64] = total / count
    return mean


def _gray(light: NDArray[np.float64], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    shade = np.where(inside, np.clip(light, 30, 250), BACKGROUND).astype(np.uint8)
    return np.repeat(shade[..., None], 3, axis=2)
