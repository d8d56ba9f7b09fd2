"""Stamped plates with print and holes, seen by a camera and a depth sensor, some of them with a known defect.

Everything is a function of plate coordinates (u, v), so a pose is another way to compute (u, v) and nothing is
interpolated. Each part has its own random streams, one for the part and one for its defect: the same call with
``defective=0`` gives the same parts without their defects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from musc2.datasets import plates
from musc2.errors import InputError

Floats = NDArray[Any]
# Where a defect shows: in the colours, in the shape, or in both.
KINDS = {
    "stain": "2d", "print": "2d", "dent": "3d", "bump": "3d", "warp": "3d",
    "hole": "both", "cut": "both", "contamination": "both",
}  # fmt: skip
_HALF = 0.35  # of the image side: half the plate's
_METRES = 0.1  # along the image side
_DEPTH = 0.4  # metres from the sensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """rgb: (N, H, W, 3) uint8; xyz: (N, H, W, 3) float32 in metres, 0 where there is nothing; masks: (N, H, W) bool.

    labels: (N,) bool, True for a defect; kinds: one of KINDS or "good" for each part.
    """

    rgb: NDArray[np.uint8]
    xyz: NDArray[np.float32]
    masks: NDArray[np.bool_]
    labels: NDArray[np.bool_]
    kinds: tuple[str, ...]


def parts(count: int = 80, *, defective: float = 0.5, size: int = 224, seed: int = 0) -> Parts:
    """``count`` parts of one design in random order, the share ``defective`` of them with defects of each kind in turn.

    >>> parts(4, size=64).rgb.shape
    (4, 64, 64, 3)
    """
    if not isinstance(count, int) or count < 1:
        _refuse("count", "a whole number of at least 1", count)
    if not isinstance(size, int) or size < 32:
        _refuse("size", "a whole number of at least 32", size)
    if not isinstance(defective, int | float) or not 0 <= defective <= 1:
        _refuse("defective", "a share from 0 to 1", defective)
    design = plates.design(np.random.default_rng([seed, 0]))
    places = np.random.default_rng([seed, 1]).permutation(count)[: round(defective * count)]
    kinds = ["good"] * count
    for turn, place in enumerate(places.tolist()):
        kinds[place] = list(KINDS)[turn % len(KINDS)]
    found = [_part(design, kind, size, (seed, 2 + index)) for index, kind in enumerate(kinds)]
    rgb, xyz, masks = (np.stack(arrays) for arrays in zip(*found, strict=True))
    return Parts(rgb=rgb, xyz=xyz, masks=masks, labels=np.array([kind != "good" for kind in kinds]), kinds=tuple(kinds))


def _part(
    design: plates.Design, kind: str, size: int, seed: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]:
    pose, light, sensor, defect = (np.random.default_rng([*seed, stream]) for stream in range(4))
    plate = plates.plate(design, *_pose(size, pose), light)
    mask = plates.damage(plate, kind, design, defect) & plate.solid
    return _photograph(plate, light), _scan(plate, sensor, pose), mask


def _pose(size: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Plate coordinates u, v of each pixel: turned by up to 6 degrees, shifted by up to 3 % of the side."""
    down, right = np.mgrid[:size, :size] + 0.5
    shift, angle = rng.uniform(-0.03, 0.03, 2), np.deg2rad(rng.uniform(-6, 6))
    x, y = (right / size - 0.5 - shift[0]) / _HALF, (down / size - 0.5 - shift[1]) / _HALF
    return np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x


def _photograph(plate: plates.Plate, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Light of a random strength, colour and slope; then the camera's noise."""
    side = len(plate.u)
    slope = rng.uniform(-0.1, 0.1, 2)
    down, right = np.mgrid[:side, :side] / side - 0.5
    light = rng.uniform(0.93, 1.07) * (1 + slope[0] * right + slope[1] * down)
    colours = plate.albedo * light[..., None] * rng.uniform(0.97, 1.03, 3)
    picture: NDArray[np.uint8] = (
        np.clip(255 * colours + rng.normal(0, 2.5, colours.shape), 0, 255).round().astype(np.uint8)
    )
    return picture


def _scan(plate: plates.Plate, rng: np.random.Generator, pose: np.random.Generator) -> NDArray[np.float32]:
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


def _refuse(name: str, wanted: str, got: object) -> NoReturn:
    msg = f"parts: {name} must be {wanted}, got {got!r}"
    raise InputError(msg)
