"""Scans for people and for other programs: shaded depth, views of clouds, colored .ply files."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from musc2.report import colors
from musc2.report.sources import Picture

_VIEW = 640  # pixels of the longer side of a view


def shade_depth(xyz: NDArray[Any]) -> Picture:
    """xyz: (H, W, 3) -> (H, W, 3): near is bright, background black."""
    z = xyz[..., 2]
    valid = np.isfinite(z) & (z != 0)
    near, far = (0.0, 1.0)
    if valid.any():
        near, far = (float(value) for value in np.quantile(z[valid], (0.01, 0.99)))
    depth = np.clip((np.where(valid, z, far) - near) / max(far - near, 1e-12), 0, 1)
    shade = np.where(valid, 255 - 200 * depth, 0).astype(np.uint8)
    return np.repeat(shade[..., None], 3, axis=2)


def point_colors(scores: NDArray[Any], threshold: float) -> Picture:
    """scores: (P,) -> (P, 3): the colors of the report, which begin to shine at the threshold."""
    shades: Picture = colors.table()[colors.levels(scores, max(threshold, 1e-12))]
    return shades


def view(points: NDArray[Any], shades: Picture) -> Picture:
    """points: (P, 3), shades: (P, 3) -> (H, W, 3): the cloud seen along its thinnest direction.

    Points that are nearer hide those behind them; the background is black.
    """
    finite = np.isfinite(points).all(1)
    points, shades = points[finite].astype(np.float64), shades[finite]
    if len(points) == 0:
        return np.zeros((1, 1, 3), np.uint8)
    centered = points - points.mean(0)
    axes = np.linalg.eigh(centered.T @ centered)[1]
    axes = axes * np.where(axes[np.abs(axes).argmax(0), range(3)] < 0, -1, 1)
    seen = centered @ axes[:, ::-1]  # the longest axis to the right, the thinnest to the viewer
    low, high = np.quantile(seen[:, :2], (0.001, 0.999), axis=0)
    scale = (_VIEW - 1) / max(float((high - low).max()), 1e-12)
    width, height = (int(side) + 1 for side in (high - low) * scale)
    x, y = ((seen[:, :2] - low) * scale).round().astype(np.int64).T
    radius = int(np.clip(np.sqrt(width * height / len(points)) / 2, 0, 4))
    order = np.argsort(seen[:, 2], kind="stable")  # from behind: the nearest is painted last
    picture = np.zeros((height, width, 3), np.uint8)
    for down in range(-radius, radius + 1):
        for right in range(-radius, radius + 1):
            rows, columns = (height - 1 - y + down)[order], (x + right)[order]
            inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
            picture[rows[inside], columns[inside]] = shades[order][inside]
    return picture


def write_ply(file: BinaryIO, points: NDArray[Any], scores: NDArray[Any], threshold: float) -> None:
    """Write points with their scores and colors as a binary .ply file."""
    names = ("x", "y", "z", "score")
    layout = np.dtype([(name, "<f4") for name in names] + [(name, "u1") for name in "rgb"])
    records = np.zeros(len(points), layout)
    for axis, name in enumerate("xyz"):
        records[name] = points[:, axis]
    records["score"] = scores
    shades = point_colors(scores, threshold)
    for channel, name in enumerate("rgb"):
        records[name] = shades[:, channel]
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}"]
    lines += [f"property float {name}" for name in names]
    lines += [f"property uchar {name}" for name in ("red", "green", "blue")]
    file.write("\n".join([*lines, "end_header", ""]).encode())
    file.write(records.tobytes())
