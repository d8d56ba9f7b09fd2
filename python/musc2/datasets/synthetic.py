"""Stamped plates with print and holes, seen by a camera and a depth sensor, some of them with a known defect.

Everything is a function of plate coordinates (u, v), so a pose is another way to compute (u, v) and nothing is
interpolated. Each part has its own random streams, one for the part and one for its defect: the same call with
``defective=0`` gives the same parts without their defects.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from musc2.datasets import plates, saving, sensing, trees
from musc2.datasets.sample import GOOD, Sample
from musc2.errors import InputError

# Where a defect shows: in the colors, in the shape, or in both.
KINDS = {
    "stain": "2d", "print": "2d", "dent": "3d", "bump": "3d", "warp": "3d",
    "hole": "both", "cut": "both", "contamination": "both",
}  # fmt: skip
CATEGORIES = ("plates", "discs", "cables")
SPLITS = ("test", "train")
LAYOUT = "CATEGORY/{parts.csv, rgb/NAME.png, xyz/NAME.tiff, masks/NAME.png}, the table with name,split,kind"
_TABLE, _HEAD = "parts.csv", "name,split,kind"


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """rgb: (N, H, W, 3) uint8; xyz: (N, H, W, 3) float32 in meters, 0 where there is nothing; masks: (N, H, W) bool.

    labels: (N,) bool, True for a defect; kinds: one of KINDS or "good" for each part.
    """

    rgb: NDArray[np.uint8]
    xyz: NDArray[np.float32]
    masks: NDArray[np.bool_]
    labels: NDArray[np.bool_]
    kinds: tuple[str, ...]


def parts(count: int = 80, *, defective: float = 0.5, size: int = 224, seed: int = 0, first: int = 0) -> Parts:
    """``count`` parts of one design in random order, the share ``defective`` of them with defects of each kind in turn.

    ``first``: where in the endless row of parts of this seed they begin.

    >>> parts(4, size=64).rgb.shape
    (4, 64, 64, 3)
    """
    check(count, defective, size)
    design = plates.design(np.random.default_rng([seed, 0]))
    return assembled(count, defective, seed, first, lambda kind, stream: _part(design, kind, size, stream))


Streams = tuple[int, int]  # a seed and which of its random streams
Made = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]  # image, scan and mask


def check(count: int, defective: float, size: int) -> None:
    """That parts can be made of these arguments."""
    if not isinstance(count, int) or count < 1:
        _refuse("count", "a whole number of at least 1", count)
    if not isinstance(size, int) or size < 32:
        _refuse("size", "a whole number of at least 32", size)
    if not isinstance(defective, int | float) or not 0 <= defective <= 1:
        _refuse("defective", "a share from 0 to 1", defective)


def assembled(count: int, defective: float, seed: int, first: int, make: Callable[[str, Streams], Made]) -> Parts:
    """``count`` parts that ``make`` makes of a kind and a random stream."""
    places = np.random.default_rng([seed, 1]).permutation(count)[: round(defective * count)]
    kinds = ["good"] * count
    for turn, place in enumerate(places.tolist()):
        kinds[place] = list(KINDS)[turn % len(KINDS)]
    found = [make(kind, (seed, 2 + first + index)) for index, kind in enumerate(kinds)]
    rgb, xyz, masks = (np.stack(arrays) for arrays in zip(*found, strict=True))
    return Parts(rgb=rgb, xyz=xyz, masks=masks, labels=np.array([kind != "good" for kind in kinds]), kinds=tuple(kinds))


def _part(design: plates.Design, kind: str, size: int, seed: Streams) -> Made:
    pose, light, sensor, defect = (np.random.default_rng([*seed, stream]) for stream in range(4))
    plate = plates.plate(design, *sensing.pose(size, pose), light)
    mask = plates.damage(plate, kind, design, defect) & plate.solid
    return sensing.photograph(plate, light), sensing.scan(plate, sensor, pose), mask


def samples(root: Path, categories: Sequence[str] | None, split: str) -> list[Sample]:
    """The parts below ``root``, which is laid out as LAYOUT says. A table of your own parts works as well."""
    return trees.gathered(trees.categories(root, categories, LAYOUT, "rgb"), lambda folder: _samples(folder, split))


def _samples(category: Path, split: str) -> Iterator[Sample]:
    table = category / _TABLE
    if not table.is_file():
        trees.refuse(table, f"must be a table with the columns {_HEAD}", "none")
    places = {name: category / name for name in ("rgb", "xyz", "masks")}
    pictures, scans, masks = (trees.files(place, trees.SCANS + trees.PICTURES) for place in places.values())
    with table.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if None in row or None in row.values() or set(row) != set(_HEAD.split(",")):
            trees.refuse(table, f"must have the columns {_HEAD} in every row", row)
        if row["split"] == split:
            label, rgb = (
                row["kind"] != GOOD,
                trees.partner(category / f"{row['name']}.png", pictures, places["rgb"], "image"),
            )
            yield Sample(
                name=f"{category.name}/{row['name']}",
                category=category.name,
                label=label,
                defect=row["kind"],
                rgb=rgb,
                xyz=trees.partner(rgb, scans, places["xyz"], "scan"),
                mask=trees.partner(rgb, masks, places["masks"], "mask") if label else None,
            )
    names = {row["name"] for row in rows}
    for others in (pictures, scans, masks):
        trees.no_more(others.values(), names, f"entry in {table}")


def write(root: Path, category: str, split: str, parts: Parts) -> None:
    """Generated parts in this layout; good ones have black masks."""
    folder = root / category
    for number, part in enumerate(saving.each(parts)):
        name = f"{split}_{number:03}"
        saving.picture(folder / "rgb" / f"{name}.png", part.rgb)
        saving.scan(folder / "xyz" / f"{name}.tiff", part.xyz)
        saving.picture(folder / "masks" / f"{name}.png", part.mask)
        saving.line(folder / _TABLE, _HEAD, f"{name},{split},{part.kind}")


WRITERS = {"original": write}


def _refuse(name: str, wanted: str, got: object) -> NoReturn:
    msg = f"parts: {name} must be {wanted}, got {got!r}"
    raise InputError(msg)
