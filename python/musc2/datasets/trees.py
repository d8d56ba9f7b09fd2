"""Folders as data sets arrange them: what is in them, sorted, and what belongs together."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from musc2.datasets.sample import GOOD, Sample
from musc2.errors import InputError

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
SCANS = (".tiff", ".tif", ".npy", ".npz", ".pcd", ".ply")


def refuse(what: object, wanted: str, got: object, op: str = "load") -> NoReturn:
    """Raises the error that says what is wrong with ``what``."""
    msg = f"{op}: {what} {wanted}, got {got}"
    raise InputError(msg)


def categories(root: Path, wanted: Sequence[str] | None, layout: str, *within: str) -> list[Path]:
    """The folders in ``root`` that have one of the folders ``within``, sorted; of these the ``wanted`` ones."""
    found = {folder.name: folder for folder in folders(root) if any((folder / name).is_dir() for name in within)}
    if not found:
        refuse(f"root ({root})", f"must be laid out as {layout}", content(root))
    for name in wanted or ():
        if name not in found:
            near = difflib.get_close_matches(name, found, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            refuse("categories", f"must be among {', '.join(found)} in {root}", f"{name!r}{hint}")
    return [folder for name, folder in found.items() if wanted is None or name in wanted]


def gathered(found: Iterable[Path], read: Callable[[Path], Iterable[Sample]]) -> list[Sample]:
    """The samples of all categories, none of which may be empty."""
    samples: list[Sample] = []
    for category in found:
        here = list(read(category))
        if not here:
            refuse(category, "must hold parts of the split that was asked for", content(category))
        samples += here
    return samples


def folders(folder: Path) -> list[Path]:
    """The folders in it, sorted; none that is hidden."""
    if not folder.is_dir():
        refuse(folder, "must be a folder that exists", "a file" if folder.exists() else "nothing")
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def files(folder: Path, endings: Sequence[str]) -> dict[str, Path]:
    """The files in it by their stems, sorted; two of one stem are refused."""
    if not folder.is_dir():
        refuse(folder, "must be a folder that exists", "a file" if folder.exists() else "nothing")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in endings and path.is_file() and not path.name.startswith("."):
            if path.stem in found:
                refuse(path, "must be the only file of its stem", f"{found[path.stem].name} as well")
            found[path.stem] = path
    return found


def content(folder: Path) -> str:
    """What is in a folder, in few words."""
    names = sorted(path.name + ("/" if path.is_dir() else "") for path in folder.iterdir())
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "") or "an empty folder"


def partner(path: Path, others: Mapping[str, Path], place: Path, what: str, suffix: str = "") -> Path:
    """The one of ``others``, in the folder ``place``, that belongs to ``path``."""
    if path.stem + suffix not in others:
        refuse(path, f"must have its {what} {path.stem}{suffix}.* in {place}", "none")
    return others[path.stem + suffix]


def no_more(others: Iterable[Path], stems: Collection[str], what: str) -> None:
    """That all of the ``others`` are partners: their stems are among ``stems``."""
    for path in others:
        if path.stem not in stems:
            refuse(path, f"must have an {what} of its stem", "none")


def with_scans(category: Path, split: str) -> Iterator[Sample]:
    """SPLIT/DEFECT/{rgb,xyz,gt}/STEM: images, scans and, of defects, masks."""
    for folder in folders(category / split):
        pictures, scans = files(folder / "rgb", PICTURES), files(folder / "xyz", SCANS)
        masks = {} if folder.name == GOOD else files(folder / "gt", PICTURES)
        for stem, rgb in pictures.items():
            yield Sample(
                name=f"{category.name}/{split}/{folder.name}/{stem}",
                category=category.name,
                label=folder.name != GOOD,
                defect=folder.name,
                rgb=rgb,
                xyz=partner(rgb, scans, folder / "xyz", "scan"),
                mask=None if folder.name == GOOD else partner(rgb, masks, folder / "gt", "mask"),
            )
        for others in (scans, masks):
            no_more(others.values(), pictures, "image in rgb")


def with_masks_apart(category: Path, split: str, good: str = GOOD, suffix: str = "") -> Iterator[Sample]:
    """SPLIT/DEFECT/STEM, and ground_truth/DEFECT/STEM with a suffix: images and, of defects, masks."""
    for folder in folders(category / split):
        place, label = category / "ground_truth" / folder.name, folder.name != good
        pictures, masks = files(folder, PICTURES), files(place, PICTURES) if label else {}
        for stem, rgb in pictures.items():
            yield Sample(
                name=f"{category.name}/{split}/{folder.name}/{stem}",
                category=category.name,
                label=label,
                defect=folder.name if label else GOOD,
                rgb=rgb,
                mask=partner(rgb, masks, place, "mask", suffix) if label else None,
            )
        no_more(masks.values(), {stem + suffix for stem in pictures}, f"image in {folder}")
