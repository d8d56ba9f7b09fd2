"""MVTec 3D-AD: images, xyz maps and masks of ten kinds of parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from musc2.datasets.generated import GeneratedParts
from musc2.datasets.layouts import category_folders, collect_samples, mvtec_3d_layout
from musc2.datasets.sample import LabeledSample
from musc2.datasets.saving import save_image, save_map
from musc2.datasets.synthetic.sensing import add_table

CATEGORIES = (
    "bagel", "cable_gland", "carrot", "cookie", "dowel", "foam", "peach", "potato", "rope", "tire",
)  # fmt: skip
SPLITS = ("test", "train", "validation")
LAYOUT = "CATEGORY/test/DEFECT/{rgb/000.png, xyz/000.tiff, gt/000.png}"


def samples(root: Path, categories: Sequence[str] | None, split: str) -> list[LabeledSample]:
    """Return the parts below ``root``, which is laid out as LAYOUT says."""
    folders = category_folders(root, categories, LAYOUT, split)
    return collect_samples(folders, lambda folder: mvtec_3d_layout(folder, split))


def write(root: Path, category: str, split: str, parts: GeneratedParts) -> None:
    """Write generated parts in this layout; good ones have black masks, as in the original."""
    for part in parts:
        folder, stem = root / category / split / part.kind, f"{part.number:03}"
        save_image(folder / "rgb" / f"{stem}.png", part.rgb)
        save_map(folder / "xyz" / f"{stem}.tiff", part.xyz)
        if split == "test" or part.is_defective:
            save_image(folder / "gt" / f"{stem}.png", part.mask)


def write_on_table(root: Path, category: str, split: str, parts: GeneratedParts) -> None:
    """Write generated parts on a table, which fills the missing points of their scans.

    ``musc2 preprocess`` removes the table.
    """
    scans = [add_table(xyz, np.random.default_rng(index)) for index, xyz in enumerate(parts.xyz)]
    write(root, category, split, replace(parts, xyz=np.stack(scans)))


WRITERS = {"original": write, "on_table": write_on_table}
