"""Generate plates with known defects, and sets of parts of any family."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from musc2 import checks
from musc2.datasets.generated import GeneratedParts
from musc2.datasets.sample import GOOD
from musc2.datasets.synthetic import plates, sensing
from musc2.datasets.synthetic.defects import damage

# The modality that shows a defect: the colors, the shape, or both.
KINDS = {
    "stain": "2d", "print": "2d", "dent": "3d", "bump": "3d", "warp": "3d",
    "hole": "both", "cut": "both", "contamination": "both",
}  # fmt: skip

PartSeed = tuple[int, int]
"""The seed of a set and the position of a part's random streams behind it."""

Views = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]
"""The image, the xyz map and the mask of the defect of one part."""


def parts(
    count: int = 80,
    *,
    defective: float = 0.5,
    size: int = 224,
    seed: int = 0,
    first: int = 0,
) -> GeneratedParts:
    """Generate plates of one design.

    Everything is a function of plate coordinates, so nothing is interpolated. Each part has random
    streams of its own, one of them for its defect: ``defective=0`` gives the same parts without
    their defects.

    Args:
        count: The number of parts.
        defective: The share with a defect, at random positions; the kinds take turns.
        size: The side of images and xyz maps in pixels.
        seed: Of the design and of all parts.
        first: The number of parts of this seed to leave out before the first.

    >>> parts(4, size=64).rgb.shape
    (4, 64, 64, 3)
    """
    check_arguments("parts", count, defective=defective, size=size, seed=seed, first=first)
    design = plates.draw_design(np.random.default_rng([seed, 0]))
    return assemble(
        count, defective, seed, first, lambda kind, part_seed: _plate(design, kind, size, part_seed)
    )


def check_arguments(
    op: str,
    count: int,
    *,
    size: int,
    seed: int,
    defective: float = 0.5,
    first: int = 0,
) -> None:
    """Raise unless parts can be generated from these arguments; errors begin with ``op``."""
    checks.whole(op, "count", count, 1)
    checks.whole(op, "size", size, 32)
    checks.whole(op, "seed", seed, 0)
    checks.whole(op, "first", first, 0)
    if not checks.is_number(defective) or not 0 <= defective <= 1:
        checks.refuse(op, "defective", "must be a share from 0 to 1", repr(defective))


def assemble(
    count: int,
    defective: float,
    seed: int,
    first: int,
    make: Callable[[str, PartSeed], Views],
) -> GeneratedParts:
    """Return ``count`` parts, each made by ``make`` from its kind and its seed."""
    order = np.random.default_rng([seed, 1]).permutation(count)
    defects = list(KINDS)
    kinds = [GOOD] * count
    for turn, index in enumerate(order[: round(defective * count)].tolist()):
        kinds[index] = defects[turn % len(defects)]
    views = [make(kind, (seed, 2 + first + index)) for index, kind in enumerate(kinds)]
    return GeneratedParts(
        rgb=np.stack([image for image, _, _ in views]),
        xyz=np.stack([xyz for _, xyz, _ in views]),
        masks=np.stack([mask for _, _, mask in views]),
        labels=np.array([kind != GOOD for kind in kinds]),
        kinds=tuple(kinds),
    )


def streams(part_seed: PartSeed) -> list[np.random.Generator]:
    """Return the random streams of a part: for its pose, its looks, the sensor and its defect."""
    return [np.random.default_rng([*part_seed, stream]) for stream in range(4)]


def _plate(design: plates.Design, kind: str, size: int, part_seed: PartSeed) -> Views:
    pose, looks, sensor, defect = streams(part_seed)
    u, v = sensing.draw_pose(size, pose)
    plate = plates.intact_plate(design, u, v, looks)
    mask = damage(plate, kind, design, defect) & plate.solid
    return sensing.photograph(plate, looks), sensing.scan(plate, sensor, pose), mask
