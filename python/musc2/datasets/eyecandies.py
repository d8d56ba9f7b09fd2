"""Eyecandies: images, depth and masks of ten kinds of rendered sweets; preprocessed, xyz maps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from musc2 import checks
from musc2.datasets import contents, depth_files
from musc2.datasets.generated import GeneratedPart, GeneratedParts
from musc2.datasets.layouts import (
    category_folders,
    collect_samples,
    files_by_stem,
    mvtec_3d_layout,
)
from musc2.datasets.sample import GOOD, LabeledSample
from musc2.datasets.saving import save_image, save_map, save_text

CATEGORIES = (
    "CandyCane", "ChocolateCookie", "ChocolatePraline", "Confetto", "GummyBear", "HazelnutTruffle",
    "LicoriceSandwich", "Lollipop", "Marshmallow", "PeppermintCandy",
)  # fmt: skip
SPLITS = ("test", "train", "val")
LAYOUT = (
    "CATEGORY/test_public/data/"
    "00_{image_0.png, depth.png, info_depth.yaml, pose.txt, mask.png, metadata.yaml} "
    "or, preprocessed, CATEGORY/test/DEFECT/{rgb/000.png, xyz/000.tiff, gt/000.png}"
)
_SPLIT_FOLDERS = {"test": "test_public", "train": "train", "val": "val"}
_IMAGE = "image_0"  # of six lights, the one that the published code of MuSc-V2 uses
_LIGHTS = 6
_DEFECTS = ("bumps", "colors", "dents", "normals")
_DEFECT_OF_KIND = {
    GOOD: "",
    "stain": "colors",
    "print": "colors",
    "bump": "bumps",
    "contamination": "bumps",
}  # of generated parts; all others are dents
_BACKGROUND_DEPTH = 0.5  # meters, of generated parts
_NO_POSE = "1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n"


def samples(root: Path, categories: Sequence[str] | None, split: str) -> list[LabeledSample]:
    """Return the parts below ``root``, which is laid out as LAYOUT says."""
    original = f"{_SPLIT_FOLDERS[split]}/data"
    folders = category_folders(root, categories, LAYOUT, original, split)
    return collect_samples(folders, lambda folder: _samples(folder, split))


def _samples(category: Path, split: str) -> Iterator[LabeledSample]:
    folder = category / _SPLIT_FOLDERS[split] / "data"
    if not folder.is_dir():
        yield from mvtec_3d_layout(category, split)
        return
    files = files_by_stem(folder, (".png", ".yaml", ".txt"))
    for number in sorted({stem.split("_")[0] for stem in files}):
        rgb = _file(files, folder, f"{number}_{_IMAGE}")
        depth = _file(files, folder, f"{number}_depth")
        info = _file(files, folder, f"{number}_info_depth")
        mask = _file(files, folder, f"{number}_mask")
        is_defective = bool(contents.read_mask(mask).any())
        defect = _defect(files.get(f"{number}_metadata")) if is_defective else GOOD
        height, width = contents.image_size(depth)
        focal_length = depth_files.FOCAL_LENGTH * width
        yield LabeledSample(
            name=f"{category.name}/{split}/{number}",
            category=category.name,
            label=is_defective,
            defect=defect,
            rgb=rgb,
            mask=mask if is_defective else None,
            depth=depth,
            intrinsics=(focal_length, focal_length, width / 2, height / 2),
            depth_range=(_bound(info, "min"), _bound(info, "max")),
            pose=files.get(f"{number}_pose"),
        )


def _file(files: Mapping[str, Path], folder: Path, stem: str) -> Path:
    if stem not in files:
        requirement = f"must hold {stem}.*, as there are others of its number"
        checks.refuse("load", f"{folder}", requirement, "none")
    return files[stem]


def _bound(info: Path, name: str) -> float:
    try:
        return depth_files.parse_bound(info.read_text(errors="replace"), name)
    except ValueError as error:
        checks.refuse("load", f"{info}", f"must say what {name} is", error)


def _defect(metadata: Path | None) -> str:
    """Return the defects in a file of metadata, such as "bumps+dents"; "bad" if it names none."""
    text = "" if metadata is None else metadata.read_text(errors="replace")
    defects = [name for name in _DEFECTS if re.search(rf"\b{name}:\s*(1|true)\b", text)]
    return "+".join(defects) or "bad"


def write(root: Path, category: str, split: str, parts: GeneratedParts) -> None:
    """Write generated parts as published; missing points are as far away as the background."""
    folder = root / category / _SPLIT_FOLDERS[split] / "data"
    for part in parts:
        _write_part(folder, part)


def _write_part(folder: Path, part: GeneratedPart) -> None:
    number = f"{part.index:03}"
    depth = np.where(part.xyz[..., 2] == 0, _BACKGROUND_DEPTH, part.xyz[..., 2])
    low, high = float(depth.min()) - 0.01, float(depth.max())
    levels = ((depth - low) / (high - low) * 65535).round().astype(np.uint16)
    for light in range(_LIGHTS):
        save_image(folder / f"{number}_image_{light}.png", part.rgb // (1 + light))
    save_image(folder / f"{number}_depth.png", levels)
    save_image(folder / f"{number}_mask.png", part.mask)
    info = f"normalization:\n  max: {high!r}\n  min: {low!r}\n"
    save_text(folder / f"{number}_info_depth.yaml", info)
    defect = _DEFECT_OF_KIND.get(part.kind, "dents")
    metadata = "".join(f"{name}: {int(name == defect)}\n" for name in _DEFECTS)
    save_text(folder / f"{number}_metadata.yaml", metadata)
    save_text(folder / f"{number}_pose.txt", _NO_POSE)


def write_preprocessed(root: Path, category: str, split: str, parts: GeneratedParts) -> None:
    """Write generated parts with xyz maps; all defects are "bad"."""
    for part in parts:
        folder = root / category / split / ("bad" if part.is_defective else GOOD)
        stem = f"{part.index:03}"
        save_image(folder / "rgb" / f"{stem}.png", part.rgb)
        save_map(folder / "xyz" / f"{stem}.tiff", part.xyz)
        save_image(folder / "gt" / f"{stem}.png", part.mask)


WRITERS = {"original": write, "preprocessed": write_preprocessed}
