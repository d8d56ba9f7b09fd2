"""Real3D-AD, and others of its style: point clouds, with a label for each point of a defective one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from musc2.datasets import saving, trees
from musc2.datasets.sample import GOOD, Sample
from musc2.datasets.synthetic import Parts

CATEGORIES = (
    "airplane", "candybar", "car", "chicken", "diamond", "duck", "fish", "gemstone", "seahorse", "shell", "starfish",
    "toffees",
)  # fmt: skip
SPLITS = ("test", "train")
LAYOUT = "CATEGORY/{test/7_good.pcd, test/8_bulge.pcd, gt/8_bulge.txt}"
_CLOUDS = (".pcd", ".ply")
_TAKES = ("cut", "copy")  # how a cloud came about, no defect


def samples(root: Path, categories: Sequence[str] | None, split: str) -> list[Sample]:
    """The parts below ``root``, which is laid out as LAYOUT says."""
    found = trees.categories(root, categories, LAYOUT, split)
    return trees.gathered(found, lambda folder: _samples(folder, split))


def _samples(category: Path, split: str) -> list[Sample]:
    clouds = trees.files(category / split, _CLOUDS)
    if split == "test":
        clouds = {stem: path for stem, path in clouds.items() if "template" not in stem}
    kinds = {stem: GOOD if split == "train" else _kind(path) for stem, path in clouds.items()}
    place = category / "gt"
    labels = trees.files(place, (".txt",)) if set(kinds.values()) - {GOOD} else {}
    return [
        Sample(
            name=f"{category.name}/{split}/{stem}",
            category=category.name,
            label=kinds[stem] != GOOD,
            defect=kinds[stem],
            xyz=path,
            mask=None if kinds[stem] == GOOD else trees.partner(path, labels, place, "file of labels"),
        )
        for stem, path in clouds.items()
    ]


def _kind(path: Path) -> str:
    """ "bulge" of 482_bulge_cut."""
    words = [word for word in path.stem.split("_")[1:] if word not in _TAKES]
    if not words:
        trees.refuse(path, "must be called NUMBER_good or NUMBER_DEFECT", path.stem)
    return GOOD if GOOD in words else "_".join(words)


def write(root: Path, category: str, split: str, parts: Parts) -> None:
    """The clouds of generated parts in this layout."""
    for number, part in enumerate(saving.each(parts)):
        there = part.xyz[..., 2] != 0
        stem = f"{number}_template" if split == "train" else f"{number}_{part.kind}"
        saving.cloud(root / category / split / f"{stem}.pcd", part.xyz[there])
        if part.kind != GOOD:
            rows = np.column_stack([part.xyz[there], part.mask[there]])
            lines = "".join(f"{x:.6f} {y:.6f} {z:.6f} {label:.0f}\n" for x, y, z, label in rows)
            saving.text(root / category / "gt" / f"{stem}.txt", lines)


WRITERS = {"original": write}
