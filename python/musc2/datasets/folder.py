"""Your own parts: a folder or a glob of images, scans or both, with or without masks.

Images and scans belong together if they have the same stem in the same folders; folders called rgb,
xyz, masks and the like do not count. Labels come from the first of these that applies:

1. If any folder is called good (or ok, normal), the parts in such folders are good; the others have
   the defect that their folder is called by.
2. If there are masks, a part is defective if its mask is not black.
3. Else labels are unknown.
"""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from musc2 import checks
from musc2.datasets import contents, layouts
from musc2.datasets.generated import GeneratedParts
from musc2.datasets.sample import GOOD, LabeledSample
from musc2.datasets.saving import save_image, save_map

CATEGORIES = ("parts",)
SPLITS = ("test",)
LAYOUT = (
    "images, scans (npy, npz, pcd, ply, tiff beside an image) and masks (STEM_mask.*), "
    "or {rgb,xyz,masks}/STEM.*"
)
_ROLES = {
    "rgb": "rgb", "image": "rgb", "images": "rgb",
    "xyz": "xyz", "pcd": "xyz", "scans": "xyz",
    "mask": "mask", "masks": "mask", "gt": "mask", "ground_truth": "mask",
}  # fmt: skip
_GOOD_FOLDERS = (GOOD, "ok", "normal")
_TIFF = (".tif", ".tiff")


@dataclass(frozen=True, kw_only=True)
class _Files:
    """Images, scans and masks by the key of their part: folders and stem."""

    rgb: dict[Path, Path] = field(default_factory=dict)
    xyz: dict[Path, Path] = field(default_factory=dict)
    mask: dict[Path, Path] = field(default_factory=dict)


def samples(root: Path, categories: Sequence[str] | None, split: str) -> list[LabeledSample]:
    """Return the parts in a folder and its subfolders, or of a glob; the category is its name."""
    base, paths = _list_files(root)
    category = Path(os.path.abspath(base)).name  # of "." and ".." too
    if categories is not None and list(categories) != [category]:
        requirement = f"must be None or {category} for a folder"
        checks.refuse("load", "categories", requirement, list(categories))
    files = _assign_roles(base, paths)
    if not files.rgb and not files.xyz:
        got = layouts.describe(base) if base.is_dir() else "nothing"
        checks.refuse("load", f"root ({root})", f"must hold {LAYOUT}", got)
    _check_partners(files)
    keys = files.rgb or files.xyz
    has_good_folder = any(_is_good(key) for key in keys)
    listed = []
    for key in keys:
        mask = files.mask.get(key)
        label: bool | None = None
        defect = ""
        if has_good_folder:
            label = not _is_good(key)
            defect = "/".join(key.parts[:-1]) if label else GOOD
        elif files.mask:
            label = mask is not None and bool(contents.read_mask(mask).any())
            defect = "bad" if label else GOOD
        sample = LabeledSample(
            name=key.as_posix(),
            category=category,
            label=label,
            defect=defect,
            rgb=files.rgb.get(key),
            xyz=files.xyz.get(key),
            mask=mask if label else None,
        )
        listed.append(sample)
    return listed


def _is_good(key: Path) -> bool:
    return any(folder in _GOOD_FOLDERS for folder in key.parts[:-1])


def _list_files(root: Path) -> tuple[Path, list[Path]]:
    """Return the folder around all files, and the files."""
    if root.exists() or not glob.has_magic(str(root)):
        if not root.is_dir():
            got = "a file" if root.exists() else "none"
            requirement = "must be a folder that exists, or a glob"
            checks.refuse("load", f"root ({root})", requirement, got)
        paths = sorted(path for path in root.rglob("*") if path.is_file())
        _check_links(root, paths)
        return root, paths
    matches = [Path(name) for name in glob.glob(str(root), recursive=True)]
    paths = sorted(path for path in matches if path.is_file())
    base = Path(*itertools.takewhile(lambda part: not glob.has_magic(part), root.parts))
    _check_links(base, paths)
    return (base.parent if base.name.lower() in _ROLES else base), paths


def _check_links(base: Path, paths: Sequence[Path]) -> None:
    """Raise if a file, or a folder on the way to it, is a link to outside ``base``."""
    root = base.resolve()
    for path in paths:
        target = path.resolve()
        if not target.is_relative_to(root):
            requirement = "must lie in its folder, not behind a link out of it"
            checks.refuse("load", f"{path}", requirement, target)


def _assign_roles(base: Path, paths: Sequence[Path]) -> _Files:
    """Return the images, scans and masks among the files."""
    files = _Files()
    image_endings = set(layouts.IMAGES) - set(_TIFF)
    stems_of_images = {p.with_suffix("") for p in paths if p.suffix.lower() in image_endings}
    for path in paths:
        ending = path.suffix.lower()
        if path.name.startswith(".") or ending not in (*layouts.IMAGES, *layouts.SCANS):
            continue
        folders = path.relative_to(base).parts[:-1]
        role = _role_of_folders(folders) or _role_of_file(path, stems_of_images)
        stem = path.stem.removesuffix("_mask") if role == "mask" else path.stem
        key = Path(*(name for name in folders if name.lower() not in _ROLES), stem)
        of_role: dict[Path, Path] = getattr(files, role)
        if key in of_role:
            checks.refuse("load", f"{path}", "must be the only one of its stem", of_role[key])
        of_role[key] = path
    return files


def _role_of_folders(folders: Sequence[str]) -> str | None:
    """Return the role that the innermost folder with such a name gives to its files."""
    for name in reversed(folders):
        if name.lower() in _ROLES:
            return _ROLES[name.lower()]
    return None


def _role_of_file(path: Path, stems_of_images: set[Path]) -> str:
    """Return the role of a file by its name; a tiff beside another image of its stem is a scan."""
    if path.stem.endswith("_mask"):
        return "mask"
    ending = path.suffix.lower()
    is_beside_image = path.with_suffix("") in stems_of_images
    if ending not in layouts.IMAGES or (ending in _TIFF and is_beside_image):
        return "xyz"
    return "rgb"


def _check_partners(files: _Files) -> None:
    if files.rgb and files.xyz:
        _check_partners_of(files.rgb, files.xyz, "scan")
        _check_partners_of(files.xyz, files.rgb, "image")
    for key, path in files.mask.items():
        if key not in (files.rgb or files.xyz):
            checks.refuse("load", f"{path}", "must have an image or scan of its stem", "none")


def _check_partners_of(
    files: Mapping[Path, Path],
    partners: Mapping[Path, Path],
    kind: str,
) -> None:
    for key, path in files.items():
        if key not in partners:
            requirement = f"must have a {kind} of its stem, as others have"
            checks.refuse("load", f"{path}", requirement, "none")


def write(root: Path, category: str, split: str, parts: GeneratedParts) -> None:
    """Write generated parts to folders rgb, xyz and masks, good ones without mask."""
    for part in parts:
        stem = f"{part.index:03}"
        save_image(root / "rgb" / f"{stem}.png", part.rgb)
        save_map(root / "xyz" / f"{stem}.tiff", part.xyz)
        if part.is_defective:
            save_image(root / "masks" / f"{stem}.png", part.mask)


WRITERS = {"original": write}
