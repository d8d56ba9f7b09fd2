"""MVTec 3D-AD: images, xyz maps and masks of ten kinds of parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from musc2.datasets import saving, sensing, trees
from musc2.datasets.sample import GOOD, Sample
from musc2.datasets.synthetic import Parts

CATEGORIES = (
    "bagel", "cable_gland", "carrot", "cookie", "dowel", "foam", "peach", "potato", "rope", "tire",
)  # fmt: skip
SPLITS = ("test", "train", "validation")
LAYOUT = "CATEGORY/test/DEFECT/{rgb/000.png, xyz/000.tiff, gt/000.png}"


def samples(root: Path, categories: Sequence[str] | None, split: str) -> list[Sample]:
    """The parts below ``root``, which is laid out as LAYOUT says."""
    found = trees.categories(root, categories, LAYOUT, split)
    return trees.gathered(found, lambda folder: trees.with_scans(folder, split))


def write(root: Path, category: str, split: str, parts: Parts) -> None:
    """Generated parts in this layout; good ones have black masks, as in the original."""
    for part in saving.each(parts):
        folder, stem = root / category / split / part.kind, f"{part.number:03}"
        saving.picture(folder / "rgb" / f"{stem}.png", part.rgb)
        saving.scan(folder / "xyz" / f"{stem}.tiff", part.xyz)
        if split == "test" or part.kind != GOOD:
            saving.picture(folder / "gt" / f"{stem}.png", part.mask)


def write_on_table(root: Path, category: str, split: str, parts: Parts) -> None:
    """The same, on a table where scans show nothing; taking it away (``musc2 prepare``) brings that back."""
    stage = np.stack([sensing.table(xyz, np.random.default_rng(index)) for index, xyz in enumerate(parts.xyz)])
    write(root, category, split, replace(parts, xyz=stage))


WRITERS = {"original": write, "on_table": write_on_table}
