"""BTAD (beanTech): images and masks of three kinds of parts, some bmp and some png."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from musc2.datasets.generated import GeneratedParts
from musc2.datasets.layouts import category_folders, collect_samples, mvtec_ad_layout
from musc2.datasets.sample import LabeledSample
from musc2.datasets.saving import save_image

CATEGORIES = ("01", "02", "03")
SPLITS = ("test", "train")
LAYOUT = "CATEGORY/{test/ok/0000.bmp, test/ko/0000.bmp, ground_truth/ko/0000.png}"
_ARCHIVE_FOLDER = "BTech_Dataset_transformed"  # around the categories in the published archive
_IMAGE_ENDINGS = {"01": ".bmp", "02": ".png", "03": ".bmp"}
_MASK_ENDINGS = {"01": ".png", "02": ".png", "03": ".bmp"}


def samples(root: Path, categories: Sequence[str] | None, split: str) -> list[LabeledSample]:
    """Return the parts below ``root``, which is laid out as LAYOUT says."""
    inner = root / _ARCHIVE_FOLDER
    folders = category_folders(inner if inner.is_dir() else root, categories, LAYOUT, split)
    return collect_samples(folders, lambda folder: mvtec_ad_layout(folder, split, good="ok"))


def write(root: Path, category: str, split: str, parts: GeneratedParts) -> None:
    """Write generated parts in this layout; all defects are "ko"."""
    folder = root / category
    for part in parts:
        stem, kind = f"{part.index:04}", "ko" if part.is_defective else "ok"
        save_image(folder / split / kind / f"{stem}{_IMAGE_ENDINGS[category]}", part.rgb)
        if part.is_defective:
            mask = folder / "ground_truth" / kind / f"{stem}{_MASK_ENDINGS[category]}"
            save_image(mask, part.mask)


WRITERS = {"original": write}
