"""The synthetic camera and depth sensor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musc2.datasets.synthetic.surface import Floats, Surface

_HALF_PLATE = 0.35  # half the plate's side, in image sides
_FIELD = 0.1  # meters along the image side
_DISTANCE = 0.4  # meters from the sensor to a plate
_TABLE_DISTANCE = 0.42  # meters from the sensor to the table below the parts


def draw_pose(size: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the part coordinates u, v of each pixel, (size, size).

    Parts are turned by up to 6 degrees and shifted by up to 3 % of the side.
    """
    down, right = np.mgrid[:size, :size] + 0.5
    shift, angle = rng.uniform(-0.03, 0.03, 2), np.deg2rad(rng.uniform(-6, 6))
    x = (right / size - 0.5 - shift[0]) / _HALF_PLATE
    y = (down / size - 0.5 - shift[1]) / _HALF_PLATE
    return np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x


def photograph(part: Surface, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return an image under light of random strength, color and slope, with the camera's noise."""
    side = len(part.u)
    slope = rng.uniform(-0.1, 0.1, 2)
    down, right = np.mgrid[:side, :side] / side - 0.5
    light = rng.uniform(0.93, 1.07) * (1 + slope[0] * right + slope[1] * down)
    colors = part.albedo * light[..., None] * rng.uniform(0.97, 1.03, 3)
    levels = 255 * colors + rng.normal(0, 2.5, colors.shape)
    image: NDArray[np.uint8] = np.clip(levels, 0, 255).round().astype(np.uint8)
    return image


def scan(
    part: Surface,
    rng: np.random.Generator,
    pose: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the xyz map of a part tilted by up to 4 degrees, with noise.

    Points are missing at random, in spots and at steep places. ``pose`` draws the tilt.
    """
    x, y = _pixel_positions(len(part.u))
    side = len(part.u)
    tilt = np.tan(np.deg2rad(pose.uniform(-4, 4, 2)))
    scale = _FIELD * _HALF_PLATE
    noise = rng.normal(0, 0.001 * scale, part.height.shape)
    z = _DISTANCE - scale * part.height + tilt[0] * x + tilt[1] * y + noise
    is_steep = np.hypot(*np.gradient(part.height)) * side * _HALF_PLATE > 1.5
    missing = rng.random(z.shape) < np.where(is_steep, 0.5, 0.008)
    for _ in range(rng.integers(3)):
        distance = np.hypot(part.u - rng.uniform(-1, 1), part.v - rng.uniform(-1, 1))
        missing |= distance < rng.uniform(0.02, 0.035)
    xyz = np.stack([x, y, z], -1)
    xyz[missing | ~part.solid] = 0
    return xyz.astype(np.float32)


def add_table(xyz: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return xyz (H, W, 3) with a tilted table in place of the missing points."""
    x, y = _pixel_positions(len(xyz))
    slope = rng.uniform(-0.05, 0.05, 2)
    z = _TABLE_DISTANCE + slope[0] * x + slope[1] * y + rng.normal(0, 0.0003, x.shape)
    table = np.stack([x, y, z], -1)
    return np.where(xyz[..., 2:] == 0, table, xyz).astype(np.float32)


def _pixel_positions(side: int) -> tuple[Floats, Floats]:
    """Return x, y of each pixel in meters, (side, side)."""
    y, x = (np.mgrid[:side, :side] + 0.5 - side / 2) * (_FIELD / side)
    return x, y
