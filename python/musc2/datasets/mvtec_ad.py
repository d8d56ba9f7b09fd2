"""MVTec AD: images and masks of fifteen kinds of parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from musc2.datasets import saving, trees
from musc2.datasets.sample import GOOD, Sample
from musc2.datasets.synthetic import Parts

CATEGORIES = (
    "bottle", "cable", "capsule", "carpet", "grid", "hazelnut", "leather", "metal_nut", "pill", "screw", "tile",
    "toothbrush", "transistor", "wood", "zipper",
)  # fmt: skip
SPLITS = ("test", "train")
LAYOUT = "CATEGORY/{test/DEFECT/000.png, ground_truth/DEFECT/000_mask.png}"


def samples(root: Path, categories: Sequence[str] | None, split: str) -> list[Sample]:
    """The parts below ``root``, which is laid out as LAYOUT says."""
    found = trees.categories(root, categories, LAYOUT, split)
    return trees.gathered(found, lambda folder: trees.with_masks_apart(folder, split, suffix="_mask"))


def write(root: Path, category: str, split: str, parts: Parts) -> None:
    """Generated parts in this layout."""
    for part in saving.each(parts):
        saving.picture(root / category / split / part.kind / f"{part.number:03}.png", part.rgb)
        if part.kind != GOOD:
            saving.picture(root / category / "ground_truth" / part.kind / f"{part.number:03}_mask.png", part.mask)


WRITERS = {"original": write}
