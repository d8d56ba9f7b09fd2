"""Real3D-AD and its like: point clouds, with a label for each point of a defective one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from musc2 import checks
from musc2.datasets.generated import GeneratedParts
from musc2.datasets.layouts import category_folders, collect_samples, files_by_stem, find_partner
from musc2.datasets.sample import GOOD, LabeledSample
from musc2.datasets.saving import save_cloud, save_text

CATEGORIES = (
    "airplane", "candybar", "car", "chicken", "diamond", "duck", "fish", "gemstone", "seahorse",
    "shell", "starfish", "toffees",
)  # fmt: skip
SPLITS = ("test", "train")
LAYOUT = "CATEGORY/{test/7_good.pcd, test/8_bulge.pcd, gt/8_bulge.txt}"
_CLOUDS = (".pcd", ".ply")
_SCAN_WORDS = ("cut", "copy")  # in names of files: how the cloud was made, not a defect


def samples(root: Path, categories: Sequence[str] | None, split: str) -> list[LabeledSample]:
    """Return the parts below ``root``, which is laid out as LAYOUT says."""
    folders = category_folders(root, categories, LAYOUT, split)
    return collect_samples(folders, lambda folder: _samples(folder, split))


def _samples(category: Path, split: str) -> list[LabeledSample]:
    clouds = files_by_stem(category / split, _CLOUDS)
    if split == "test":  # templates are training parts in any folder
        clouds = {stem: path for stem, path in clouds.items() if "template" not in stem}
        defects = {stem: _defect(path) for stem, path in clouds.items()}
    else:
        defects = dict.fromkeys(clouds, GOOD)
    label_folder = category / "gt"
    has_defects = any(defect != GOOD for defect in defects.values())
    labels = files_by_stem(label_folder, (".txt",)) if has_defects else {}
    listed = []
    for stem, path in clouds.items():
        is_good = defects[stem] == GOOD
        mask = None if is_good else find_partner(path, labels, label_folder, "file of labels")
        sample = LabeledSample(
            name=f"{category.name}/{split}/{stem}",
            category=category.name,
            label=not is_good,
            defect=defects[stem],
            xyz=path,
            mask=mask,
        )
        listed.append(sample)
    return listed


def _defect(path: Path) -> str:
    """Return "bulge" for 482_bulge_cut.pcd."""
    words = [word for word in path.stem.split("_")[1:] if word not in _SCAN_WORDS]
    if not words:
        requirement = "must be called NUMBER_good or NUMBER_DEFECT"
        checks.refuse("load", f"{path}", requirement, path.stem)
    return GOOD if GOOD in words else "_".join(words)


def write(root: Path, category: str, split: str, parts: GeneratedParts) -> None:
    """Write the clouds of generated parts in this layout."""
    folder = root / category
    for part in parts:
        valid = part.xyz[..., 2] != 0
        points = part.xyz[valid]
        stem = f"{part.index}_template" if split == "train" else f"{part.index}_{part.kind}"
        save_cloud(folder / split / f"{stem}.pcd", points)
        if part.is_defective:
            rows = np.column_stack([points, part.mask[valid]])
            lines = [f"{x:.6f} {y:.6f} {z:.6f} {label:.0f}\n" for x, y, z, label in rows]
            save_text(folder / "gt" / f"{stem}.txt", "".join(lines))


WRITERS = {"original": write}
