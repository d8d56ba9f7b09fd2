"""Anybody's own parts: a folder or a glob of images, scans or both, with masks or without.

Images and scans belong together by their stems and the folders they are in, those called rgb, xyz or masks aside.
Where folders are called good (or ok, normal), parts in them are good and others have the defect that their folder is
called by. Else, where there are masks, a part is defective when its mask has something in it. Else nothing is known.
"""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from musc2.datasets import contents, saving, trees
from musc2.datasets.sample import GOOD, Sample
from musc2.datasets.synthetic import Parts

CATEGORIES = ("parts",)
SPLITS = ("test",)
LAYOUT = "images, scans (npy, npz, pcd, ply, tiff beside an image) and masks (STEM_mask.*), or {rgb,xyz,masks}/STEM.*"
_ROLES = {
    "rgb": "rgb", "image": "rgb", "images": "rgb", "xyz": "xyz", "pcd": "xyz", "scans": "xyz", "mask": "mask",
    "masks": "mask", "gt": "mask", "ground_truth": "mask",
}  # fmt: skip
_GOOD = (GOOD, "ok", "normal")
_TIFF = (".tif", ".tiff")


def samples(root: Path, categories: Sequence[str] | None, split: str) -> list[Sample]:
    """The parts in a folder and those within, or of a glob. ``root``'s name is their category."""
    base, paths = _paths(root)
    category = Path(os.path.abspath(base)).name  # of "." and ".." too
    if categories is not None and list(categories) != [category]:
        trees.refuse("categories", f"must be None or {category} for a folder", list(categories))
    rgb, xyz, masks = _roles(base, paths)
    if not rgb and not xyz:
        trees.refuse(f"root ({root})", f"must hold {LAYOUT}", trees.content(base) if base.is_dir() else "nothing")
    _check_partners(rgb, xyz, masks)
    keys = rgb or xyz
    told = any(folder in _GOOD for key in keys for folder in key.parts[:-1])
    found = []
    for key in keys:
        mask, label, defect = masks.get(key), None, ""
        if told:
            label = not any(folder in _GOOD for folder in key.parts[:-1])
            defect = "/".join(key.parts[:-1]) if label else GOOD
        elif masks:
            label = mask is not None and bool(contents.marked(mask).any())
            defect = "bad" if label else GOOD
        name, mask = key.as_posix(), mask if label else None
        found.append(
            Sample(
                name=name, category=category, label=label, defect=defect, rgb=rgb.get(key), xyz=xyz.get(key), mask=mask
            )
        )
    return found


def _paths(root: Path) -> tuple[Path, list[Path]]:
    """The folder that all lies in, and all files."""
    if root.exists() or not glob.has_magic(str(root)):
        if not root.is_dir():
            trees.refuse(
                f"root ({root})", "must be a folder that exists, or a glob", "a file" if root.exists() else "none"
            )
        return root, sorted(path for path in root.rglob("*") if path.is_file())
    paths = sorted(Path(name) for name in glob.glob(str(root), recursive=True) if Path(name).is_file())
    base = Path(*itertools.takewhile(lambda part: not glob.has_magic(part), root.parts))
    return (base.parent if base.name.lower() in _ROLES else base), paths


def _roles(base: Path, paths: Sequence[Path]) -> tuple[dict[Path, Path], dict[Path, Path], dict[Path, Path]]:
    """Images, scans and masks by what identifies a part."""
    found: dict[str, dict[Path, Path]] = {"rgb": {}, "xyz": {}, "mask": {}}
    pictured = {path.with_suffix("") for path in paths if path.suffix.lower() in set(trees.PICTURES) - set(_TIFF)}
    for path in paths:
        folders = path.relative_to(base).parts[:-1]
        if path.name.startswith(".") or path.suffix.lower() not in (*trees.PICTURES, *trees.SCANS):
            continue
        role = next((_ROLES[name.lower()] for name in folders[::-1] if name.lower() in _ROLES), None)
        if role is None and path.stem.endswith("_mask"):
            role = "mask"
        elif role is None:
            scan = path.suffix.lower() not in trees.PICTURES or (
                path.suffix in _TIFF and path.with_suffix("") in pictured
            )
            role = "xyz" if scan else "rgb"
        stem = path.stem.removesuffix("_mask") if role == "mask" else path.stem
        key = Path(*(name for name in folders if name.lower() not in _ROLES), stem)
        if key in found[role]:
            trees.refuse(path, "must be the only one of its stem", found[role][key])
        found[role][key] = path
    return found["rgb"], found["xyz"], found["mask"]


def _check_partners(rgb: dict[Path, Path], xyz: dict[Path, Path], masks: dict[Path, Path]) -> None:
    for ours, theirs, what in ((rgb, xyz, "scan"), (xyz, rgb, "image")):
        for key, path in ours.items():
            if theirs and key not in theirs:
                trees.refuse(path, f"must have a {what} of its stem, as others have", "none")
    for key, path in masks.items():
        if key not in (rgb or xyz):
            trees.refuse(path, "must have an image or scan of its stem", "none")


def write(root: Path, category: str, split: str, parts: Parts) -> None:
    """Generated parts in folders rgb, xyz and masks, good ones without mask. There is one category."""
    for number, part in enumerate(saving.each(parts)):
        saving.picture(root / "rgb" / f"{number:03}.png", part.rgb)
        saving.scan(root / "xyz" / f"{number:03}.tiff", part.xyz)
        if part.kind != GOOD:
            saving.picture(root / "masks" / f"{number:03}.png", part.mask)


WRITERS = {"original": write}
