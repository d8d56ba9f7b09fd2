"""VisA: images and masks of twelve kinds of parts, by a table, by meta.json or in folders."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from musc2 import checks
from musc2.datasets.generated import GeneratedPart, GeneratedParts
from musc2.datasets.layouts import category_folders, collect_samples, mvtec_ad_layout, read_table
from musc2.datasets.sample import GOOD, LabeledSample
from musc2.datasets.saving import append_row, save_image, save_text
from musc2.paths import check_component

CATEGORIES = (
    "candle", "capsules", "cashew", "chewinggum", "fryum", "macaroni1", "macaroni2", "pcb1", "pcb2",
    "pcb3", "pcb4", "pipe_fryum",
)  # fmt: skip
SPLITS = ("test", "train")
LAYOUT = (
    "split_csv/1cls.csv and CATEGORY/Data/{Images,Masks}, or meta.json, "
    "or [1cls/]CATEGORY/{test/good/000.JPG, test/bad/000.JPG, ground_truth/bad/000.png}"
)
_TABLE, _META, _FOLDERS = "split_csv/1cls.csv", "meta.json", "1cls"
_HEADER = "object,split,label,image,mask"
_BAD = "bad"


def samples(root: Path, categories: Sequence[str] | None, split: str) -> list[LabeledSample]:
    """Return the parts below ``root``, which is laid out as LAYOUT says.

    Of several listings the table counts, then meta.json, then the folders.
    """
    table, meta = root / _TABLE, root / _META
    if table.is_file():
        return _listed_samples(root, table, _table_rows(table, split), categories, split)
    if meta.is_file():
        return _listed_samples(root, meta, _meta_rows(meta, split), categories, split)
    inner = root / _FOLDERS
    folders = category_folders(inner if inner.is_dir() else root, categories, LAYOUT, split)
    return collect_samples(folders, lambda folder: mvtec_ad_layout(folder, split))


def _listed_samples(
    root: Path,
    listing: Path,
    rows: Iterator[Mapping[str, Any]],
    categories: Sequence[str] | None,
    split: str,
) -> list[LabeledSample]:
    listed = [_sample(root, listing, row, split) for row in rows]
    available = sorted({sample.category for sample in listed})
    for name in categories or ():
        if name not in available:
            requirement = f"must be among {', '.join(available)} in {root}"
            checks.refuse("load", "categories", requirement, repr(name))
    if categories is not None:
        listed = [sample for sample in listed if sample.category in categories]
    return sorted(listed, key=lambda sample: (sample.category, sample.name))


def _table_rows(path: Path, split: str) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a split, with the keys of _HEADER."""
    columns, rows = read_table(path)
    missing = set(_HEADER.split(",")) - set(columns)
    if missing:
        got = f"none called {', '.join(sorted(missing))}"
        checks.refuse("load", f"{path}", f"must have the columns {_HEADER}", got)
    for row in rows:
        if row["split"] == split:
            yield row


def _meta_rows(path: Path, split: str) -> Iterator[Mapping[str, Any]]:
    """Yield the entries of a split in meta.json as rows of the table."""
    try:
        for entries in json.loads(path.read_text(encoding="utf-8"))[split].values():
            for entry in entries:
                yield {
                    "object": entry["cls_name"],
                    "label": "anomaly" if entry["anomaly"] else "normal",
                    "image": entry["img_path"],
                    "mask": entry["mask_path"],
                }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        requirement = "must map splits and categories to lists of parts"
        checks.refuse("load", f"{path}", requirement, f"{type(error).__name__}: {error}")


def _sample(root: Path, listing: Path, row: Mapping[str, Any], split: str) -> LabeledSample:
    category = check_component("load", f"a category in {listing}", row["object"])
    is_defective = row["label"] != "normal"
    defect = _BAD if is_defective else GOOD
    rgb = _listed_file(root, row["image"], listing)
    stem = PurePosixPath(row["image"]).stem
    return LabeledSample(
        name=f"{category}/{split}/{defect}/{stem}",
        category=category,
        label=is_defective,
        defect=defect,
        rgb=rgb,
        mask=_listed_file(root, row["mask"], listing) if is_defective else None,
    )


def _listed_file(root: Path, name: object, listing: Path) -> Path:
    """Return the path of a file that ``listing`` names; raise unless it exists below ``root``."""
    path = PurePosixPath(str(name or ""))
    if not path.name or path.is_absolute() or ".." in path.parts:
        checks.refuse("load", f"{listing}", "must name files below its folder", repr(name))
    try:
        exists = (root / path).is_file()
    except OSError:  # a name that is too long, or a folder that may not be read
        exists = False
    if not exists:
        checks.refuse("load", f"{listing}", "must name files that exist", root / path)
    return root / path


def _write_data(root: Path, category: str, split: str, part: GeneratedPart) -> tuple[str, str]:
    """Write the image and the mask of a part; return their names in listings."""
    number = part.index if split == "test" else 1000 + part.index
    folder = f"{category}/Data"
    image = f"{folder}/Images/{'Anomaly' if part.is_defective else 'Normal'}/{number:04}.JPG"
    save_image(root / image, part.rgb)
    if not part.is_defective:
        return image, ""
    mask = f"{folder}/Masks/Anomaly/{number:04}.png"
    level = 1 + number % 3  # masks hold small numbers, as in the original
    save_image(root / mask, part.mask.astype("u1") * level)
    return image, mask


def write(root: Path, category: str, split: str, parts: GeneratedParts) -> None:
    """Write generated parts as published."""
    for part in parts:
        image, mask = _write_data(root, category, split, part)
        label = "anomaly" if part.is_defective else "normal"
        append_row(root / _TABLE, _HEADER, f"{category},{split},{label},{image},{mask}")


def write_meta(root: Path, category: str, split: str, parts: GeneratedParts) -> None:
    """Write generated parts as published, listed in meta.json."""
    path = root / _META
    entries = []
    for part in parts:
        image, mask = _write_data(root, category, split, part)
        entry = {
            "img_path": image,
            "mask_path": mask,
            "cls_name": category,
            "specie_name": "anomaly" if part.is_defective else "normal",
            "anomaly": int(part.is_defective),
        }
        entries.append(entry)
    listing = json.loads(path.read_text()) if path.exists() else {}
    listing.setdefault(split, {})[category] = entries
    save_text(path, json.dumps(listing, indent=1))


def write_folders(root: Path, category: str, split: str, parts: GeneratedParts) -> None:
    """Write generated parts in one-class folders."""
    folder = root / _FOLDERS / category
    for part in parts:
        kind = _BAD if part.is_defective else GOOD
        save_image(folder / split / kind / f"{part.index:03}.JPG", part.rgb)
        if part.is_defective:
            save_image(folder / "ground_truth" / kind / f"{part.index:03}.png", part.mask)


WRITERS = {"original": write, "meta": write_meta, "1cls": write_folders}
