"""The camera and the depth sensor before which the generated parts lie, each part in a pose of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musc2.datasets.plates import Floats, Plate

_HALF = 0.35  # of the image side: half the plate's
_METRES = 0.1  # along the image side
_DEPTH = 0.4  # meters from the sensor
_TABLE = 0.42  # meters from the sensor to what parts lie on


def pose(size: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Plate coordinates u, v of each pixel: turned by up to 6 degrees, shifted by up to 3 % of the side."""
    down, right = np.mgrid[:size, :size] + 0.5
    shift, angle = rng.uniform(-0.03, 0.03, 2), np.deg2rad(rng.uniform(-6, 6))
    x, y = (right / size - 0.5 - shift[0]) / _HALF, (down / size - 0.5 - shift[1]) / _HALF
    return np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x


def photograph(plate: Plate, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Light of a random strength, color and slope; then the camera's noise."""
    side = len(plate.u)
    slope = rng.uniform(-0.1, 0.1, 2)
    down, right = np.mgrid[:side, :side] / side - 0.5
    light = rng.uniform(0.93, 1.07) * (1 + slope[0] * right + slope[1] * down)
    colors = plate.albedo * light[..., None] * rng.uniform(0.97, 1.03, 3)
    picture: NDArray[np.uint8] = (
        np.clip(255 * colors + rng.normal(0, 2.5, colors.shape), 0, 255).round().astype(np.uint8)
    )
    return picture


def scan(plate: Plate, rng: np.random.Generator, pose: np.random.Generator) -> NDArray[np.float32]:
    """Points of a plate tilted by up to 4 degrees; noisy, and missing at random, in spots and at steep places."""
    side = len(plate.u)
    y, x = (np.mgrid[:side, :side] + 0.5 - side / 2) * (_METRES / side)
    tilt = np.tan(np.deg2rad(pose.uniform(-4, 4, 2)))
    scale = _METRES * _HALF
    z = _DEPTH - scale * plate.height + tilt[0] * x + tilt[1] * y + rng.normal(0, 0.001 * scale, plate.height.shape)
    steep = np.hypot(*np.gradient(plate.height)) * side * _HALF > 1.5
    missing = rng.random(z.shape) < np.where(steep, 0.5, 0.008)
    for _ in range(rng.integers(3)):
        missing |= np.hypot(plate.u - rng.uniform(-1, 1), plate.v - rng.uniform(-1, 1)) < rng.uniform(0.02, 0.035)
    xyz = np.stack([x, y, z], -1)
    xyz[missing | ~plate.solid] = 0
    return xyz.astype(np.float32)


def table(xyz: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """xyz: (H, W, 3) -> the same with a tilted table wherever there was nothing."""
    side = len(xyz)
    y, x = (np.mgrid[:side, :side] + 0.5 - side / 2) * (_METRES / side)
    slope = rng.uniform(-0.05, 0.05, 2)
    z = _TABLE + slope[0] * x + slope[1] * y + rng.normal(0, 0.0003, x.shape)
    return np.where(xyz[..., 2:] == 0, np.stack([x, y, z], -1), xyz).astype(np.float32)
