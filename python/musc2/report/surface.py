"""Pictures of scans: a surface lit from the upper left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
BACKGROUND = 24
_ENOUGH = 5  # of 9 pixels
_MOST_CELLS = 320  # along the longer side of the picture of a cloud


def is_foreground(xyz: Floats, mask: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """xyz: (H, W, 3) or (P, 3) -> (H, W) or (P,) bool: where there is a point of the part."""
    inside: NDArray[np.bool_] = np.asarray(np.isfinite(xyz).all(-1))
    inside &= xyz[..., 2] != 0 if xyz.ndim == 3 else xyz.any(-1)
    if mask is not None and mask.shape == inside.shape:
        inside &= mask
    return inside


def relief(xyz: Floats, mask: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
    """xyz: (H, W, 3) -> (H, W, 3) gray: bright where the surface faces the light."""
    inside = is_foreground(xyz, mask)
    points = np.where(inside[..., None], xyz, np.nan).astype(np.float64)
    smooth, count = _box_mean(points)
    inside |= count >= _ENOUGH  # single pixels that the sensor missed
    down, right = np.gradient(smooth, axis=0), np.gradient(smooth, axis=1)
    normals = np.cross(down, right)
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        normals /= length
    # The light comes from the upper left of the picture, however the surface is tilted.
    slopes = np.nan_to_num(normals - _middle(normals))
    light = 150 - 117 * (slopes @ (_middle(right) + _middle(down)))
    return _gray(light, inside)


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """A picture of a cloud (P, 3), seen along its thinnest side: x to the right, y up.

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
    axes, toward = _axes(points - center)
    flat = (points - center) @ axes.T
    low, extent = flat.min(0), np.maximum(np.ptp(flat, axis=0), 1e-12)
    cells = np.clip(np.sqrt(len(points) / 2 * extent.max() / extent.min()), 24, _MOST_CELLS)
    step = float(extent.max() / cells)
    columns, rows = np.floor((flat - low) / step).astype(np.int64).T
    height, width = int(rows.max()) + 1, int(columns.max()) + 1
    pixels = np.full(len(xyz), -1, np.int64)
    pixels[inside] = rows * width + columns
    grid = np.full((height * width, 3), np.nan)
    grid[pixels[inside]] = np.column_stack([flat, (points - center) @ toward])
    grid = _filled(grid.reshape(height, width, 3)).astype(np.float32)
    grid[..., 2] *= -1  # away from the viewer, as in a camera's map
    grid[..., 2] += 2 * step + np.nanmax(np.abs(grid[..., 2]))  # 0 would be background
    origin = center + low @ axes
    return View(picture=relief(grid), pixels=pixels, origin=origin, axes=axes, step=step)


def scattered(scores: Floats, cloud: View) -> Floats:
    """scores: (P,) -> (h, w): the highest of the points in each pixel, spread to empty neighbors.

    0 where there are no points.
    """
    height, width = cloud.picture.shape[:2]
    grid = np.zeros(height * width, np.float32)
    is_shown = cloud.pixels >= 0
    np.maximum.at(grid, cloud.pixels[is_shown], scores[is_shown])
    padded = np.pad(grid.reshape(height, width), 1)
    spread: Floats = np.max(
        [padded[r : r + height, c : c + width] for r in range(3) for c in range(3)], axis=0
    )
    return np.where(grid.reshape(height, width) > 0, grid.reshape(height, width), spread)


def _middle(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """directions: (H, W, 3), NaN for background -> their median, of length 1."""
    valid = directions[np.isfinite(directions).all(-1)]
    if len(valid) == 0:
        return np.zeros(3)
    median: NDArray[np.float64] = np.median(valid, axis=0)
    return median / max(float(np.linalg.norm(median)), 1e-12)


def _axes(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the directions (2, 3) of columns and rows, and the one toward the viewer.

    The viewer looks along the thinnest direction of the points, from its positive side.
    """
    _, _, directions = np.linalg.svd(points.T @ points)
    toward = directions[2]
    toward = toward * (-1.0 if toward[np.abs(toward).argmax()] < 0 else 1.0)
    right = np.eye(3)[0 if abs(toward[0]) < 0.8 else 1]
    right = right - (right @ toward) * toward
    right /= np.linalg.norm(right)
    return np.stack([right, -np.cross(toward, right)]), toward


def _filled(grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fill empty pixels between full ones with the mean of their neighbors."""
    mean, count = _box_mean(grid)
    is_gap = np.isnan(grid).all(-1) & (count >= _ENOUGH - 1)
    filled: NDArray[np.float64] = np.where(is_gap[..., None], mean, grid)
    return filled


def _box_mean(
    values: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """values: (H, W, C) -> the mean of the valid ones of 3 x 3 pixels, and (H, W), their number."""
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)), constant_values=np.nan)
    is_valid: NDArray[np.bool_] = np.asarray(np.isfinite(padded).all(-1))
    padded = np.where(is_valid[..., None], padded, 0)
    height, width = values.shape[:2]
    total, count = np.zeros_like(values), np.zeros((height, width), np.int64)
    for row in range(3):
        for column in range(3):
            window = (slice(row, row + height), slice(column, column + width))
            total += padded[window]
            count += is_valid[window]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: NDArray[np.float64] = total / count[..., None]
    return mean, count


def _gray(light: NDArray[np.float64], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    shade = np.where(inside, np.clip(light, 30, 250), BACKGROUND).astype(np.uint8)
    return np.repeat(shade[..., None], 3, axis=2)
