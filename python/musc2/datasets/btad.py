"""BTAD (beanTech): images and masks of three kinds of parts, some bmp and some png."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from musc2.datasets import saving, trees
from musc2.datasets.sample import GOOD, Sample
from musc2.datasets.synthetic import Parts

CATEGORIES = ("01", "02", "03")
SPLITS = ("test", "train")
LAYOUT = "CATEGORY/{test/ok/0000.bmp, test/ko/0000.bmp, ground_truth/ko/0000.png}"
_WRAPPED = "BTech_Dataset_transformed"  # the folder in which the archive has it all
_ENDINGS = {"01": (".bmp", ".png"), "02": (".png", ".png"), "03": (".bmp", ".bmp")}  # of images and masks


def samples(root: Path, categories: Sequence[str] | None, split: str) -> list[Sample]:
    """The parts below ``root``, which is laid out as LAYOUT says."""
    inner = root / _WRAPPED if (root / _WRAPPED).is_dir() else root
    found = trees.categories(inner, categories, LAYOUT, split)
    return trees.gathered(found, lambda folder: trees.with_masks_apart(folder, split, good="ok"))


def write(root: Path, category: str, split: str, parts: Parts) -> None:
    """Generated parts in this layout; all defects are "ko"."""
    of_picture, of_mask = _ENDINGS[category]
    for number, part in enumerate(saving.each(parts)):
        kind = "ok" if part.kind == GOOD else "ko"
        saving.picture(root / category / split / kind / f"{number:04}{of_picture}", part.rgb)
        if part.kind != GOOD:
            saving.picture(root / category / "ground_truth" / kind / f"{number:04}{of_mask}", part.mask)


WRITERS = {"original": write}
