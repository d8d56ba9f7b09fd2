"""Read the folder layouts that data sets share."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from musc2 import checks
from musc2.datasets.sample import GOOD, LabeledSample

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
SCANS = (".tiff", ".tif", ".npy", ".npz", ".pcd", ".ply")


def category_folders(
    root: Path,
    categories: Sequence[str] | None,
    layout: str,
    *subfolders: str,
) -> list[Path]:
    """Return the folders in ``root`` that have any of the ``subfolders``, sorted.

    categories: the names of those to return, None for all; layout: the expected layout, for errors.
    """
    available: dict[str, Path] = {}
    for folder in list_folders(root):
        if any((folder / name).is_dir() for name in subfolders):
            available[folder.name] = folder
    if not available:
        checks.refuse("load", f"root ({root})", f"must be laid out as {layout}", describe(root))
    if categories is None:
        return list(available.values())
    for name in categories:
        if name not in available:
            requirement = f"must be among {', '.join(available)} in {root}"
            checks.refuse("load", "categories", requirement, f"{name!r}{hint(name, available)}")
    return [folder for name, folder in available.items() if name in categories]


def hint(name: str, names: Iterable[str]) -> str:
    """Return " (did you mean 'NAME'?)" for the closest of the names; "" if none is close."""
    matches = difflib.get_close_matches(name, names, n=1)
    return f" (did you mean {matches[0]!r}?)" if matches else ""


def collect_samples(
    folders: Iterable[Path],
    read: Callable[[Path], Iterable[LabeledSample]],
) -> list[LabeledSample]:
    """Return the samples of all category folders; raise if a folder has none."""
    samples: list[LabeledSample] = []
    for folder in folders:
        category_samples = list(read(folder))
        if not category_samples:
            requirement = "must hold parts of the requested split"
            checks.refuse("load", f"{folder}", requirement, describe(folder))
        samples += category_samples
    return samples


def list_folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted, without hidden ones."""
    _check_folder(folder)
    visible = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return sorted(path for path in visible if path.is_dir())


def files_by_stem(folder: Path, endings: Sequence[str]) -> dict[str, Path]:
    """Return the files in a folder by their stems, sorted; raise if two have the same stem."""
    _check_folder(folder)
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in endings or path.name.startswith(".") or not path.is_file():
            continue
        if path.stem in files:
            got = f"{files[path.stem].name} as well"
            checks.refuse("load", f"{path}", "must be the only file of its stem", got)
        files[path.stem] = path
    return files


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        got = "a file" if folder.exists() else "none"
        checks.refuse("load", f"{folder}", "must be a folder that exists", got)


def describe(folder: Path) -> str:
    """Return the first names in a folder, for errors."""
    names = sorted(path.name + ("/" if path.is_dir() else "") for path in folder.iterdir())
    if not names:
        return "an empty folder"
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(names[:12]) + more


def find_partner(
    path: Path,
    partners: Mapping[str, Path],
    folder: Path,
    kind: str,
    suffix: str = "",
) -> Path:
    """Return the file of ``partners`` that has the stem of ``path`` with ``suffix``.

    folder: the folder of the partners; kind: "mask", "scan" and so on; both for errors.
    """
    stem = path.stem + suffix
    if stem not in partners:
        checks.refuse("load", f"{path}", f"must have its {kind} {stem}.* in {folder}", "none")
    return partners[stem]


def read_table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Return the names of the columns of a csv file, and its rows."""
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            reader = csv.DictReader(file)
            return list(reader.fieldnames or ()), list(reader)
    except (OSError, csv.Error) as error:
        checks.refuse("load", f"{path}", "must be a readable table", error)


def check_no_orphans(files: Iterable[Path], stems: Collection[str], partner: str) -> None:
    """Raise unless the stem of each file is among ``stems``; ``partner`` says what is missing."""
    for path in files:
        if path.stem not in stems:
            checks.refuse("load", f"{path}", f"must have an {partner} of its stem", "none")


def mvtec_3d_layout(category: Path, split: str) -> Iterator[LabeledSample]:
    """Yield the samples of SPLIT/DEFECT/{rgb,xyz,gt}/STEM: images, scans and, of defects, masks."""
    for folder in list_folders(category / split):
        is_good = folder.name == GOOD
        images = files_by_stem(folder / "rgb", IMAGES)
        scans = files_by_stem(folder / "xyz", SCANS)
        masks = {} if is_good else files_by_stem(folder / "gt", IMAGES)
        for stem, rgb in images.items():
            yield LabeledSample(
                name=f"{category.name}/{split}/{folder.name}/{stem}",
                category=category.name,
                label=not is_good,
                defect=folder.name,
                rgb=rgb,
                xyz=find_partner(rgb, scans, folder / "xyz", "scan"),
                mask=None if is_good else find_partner(rgb, masks, folder / "gt", "mask"),
            )
        check_no_orphans(scans.values(), images, "image in rgb")
        check_no_orphans(masks.values(), images, "image in rgb")


def mvtec_ad_layout(
    category: Path,
    split: str,
    good: str = GOOD,
    suffix: str = "",
) -> Iterator[LabeledSample]:
    """Yield the samples of SPLIT/DEFECT/STEM and ground_truth/DEFECT/STEM + ``suffix``.

    Images and, of defects, masks; ``good`` is the name of the folder of good parts.
    """
    for folder in list_folders(category / split):
        is_good = folder.name == good
        mask_folder = category / "ground_truth" / folder.name
        images = files_by_stem(folder, IMAGES)
        masks = {} if is_good else files_by_stem(mask_folder, IMAGES)
        for stem, rgb in images.items():
            mask = None if is_good else find_partner(rgb, masks, mask_folder, "mask", suffix)
            yield LabeledSample(
                name=f"{category.name}/{split}/{folder.name}/{stem}",
                category=category.name,
                label=not is_good,
                defect=GOOD if is_good else folder.name,
                rgb=rgb,
                mask=mask,
            )
        stems = {stem + suffix for stem in images}
        check_no_orphans(masks.values(), stems, f"image in {folder}")
