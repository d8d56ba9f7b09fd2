"""MVTec AD: images and masks of fifteen kinds of parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from musc2.datasets.generated import GeneratedParts
from musc2.datasets.layouts import category_folders, collect_samples, mvtec_ad_layout
from musc2.datasets.sample import LabeledSample
from musc2.datasets.saving import save_image

CATEGORIES = (
    "bottle", "cable", "capsule", "carpet", "grid", "hazelnut", "leather", "metal_nut", "pill",
    "screw", "tile", "toothbrush", "transistor", "wood", "zipper",
)  # fmt: skip
SPLITS = ("test", "train")
LAYOUT = "CATEGORY/{test/DEFECT/000.png, ground_truth/DEFECT/000_mask.png}"


def samples(root: Path, categories: Sequence[str] | None, split: str) -> list[LabeledSample]:
    """Return the parts below ``root``, which is laid out as LAYOUT says."""
    folders = category_folders(root, categories, LAYOUT, split)
    return collect_samples(folders, lambda folder: mvtec_ad_layout(folder, split, suffix="_mask"))


def write(root: Path, category: str, split: str, parts: GeneratedParts) -> None:
    """Write generated parts in this layout."""
    folder = root / category
    for part in parts:
        save_image(folder / split / part.kind / f"{part.number:03}.png", part.rgb)
        if part.is_defective:
            mask_folder = folder / "ground_truth" / part.kind
            save_image(mask_folder / f"{part.number:03}_mask.png", part.mask)


WRITERS = {"original": write}
