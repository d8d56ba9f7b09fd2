"""VisA: images and masks of twelve kinds of parts; by its table of splits, by meta.json, or in one-class folders."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from musc2.datasets import saving, trees
from musc2.datasets.sample import GOOD, Sample
from musc2.datasets.synthetic import Parts
from musc2.paths import check_component

CATEGORIES = (
    "candle", "capsules", "cashew", "chewinggum", "fryum", "macaroni1", "macaroni2", "pcb1", "pcb2", "pcb3", "pcb4",
    "pipe_fryum",
)  # fmt: skip
SPLITS = ("test", "train")
LAYOUT = (
    "split_csv/1cls.csv and CATEGORY/Data/{Images,Masks}, or meta.json, "
    "or [1cls/]CATEGORY/{test/good/000.JPG, test/bad/000.JPG, ground_truth/bad/000.png}"
)
_TABLE, _META, _FOLDERS = "split_csv/1cls.csv", "meta.json", "1cls"
_HEAD = "object,split,label,image,mask"


def samples(root: Path, categories: Sequence[str] | None, split: str) -> list[Sample]:
    """The parts below ``root``, which is laid out as LAYOUT says; the table of splits goes before the others."""
    table, meta = root / _TABLE, root / _META
    if not table.is_file() and not meta.is_file():
        inner = root / _FOLDERS if (root / _FOLDERS).is_dir() else root
        found = trees.categories(inner, categories, LAYOUT, split)
        return trees.gathered(found, lambda folder: trees.with_masks_apart(folder, split))
    rows = _table(table, split) if table.is_file() else _meta(meta, split)
    listed = [_sample(root, table if table.is_file() else meta, row, split) for row in rows]
    there = sorted({sample.category for sample in listed})
    for name in categories or ():
        if name not in there:
            trees.refuse("categories", f"must be among {', '.join(there)} in {root}", repr(name))
    wanted = (sample for sample in listed if categories is None or sample.category in categories)
    return sorted(wanted, key=lambda sample: (sample.category, sample.name))


def _table(path: Path, split: str) -> Iterator[Mapping[str, Any]]:
    """Rows with the keys of _HEAD."""
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = csv.DictReader(file)
        if missing := set(_HEAD.split(",")) - set(rows.fieldnames or ()):
            trees.refuse(path, f"must have the columns {_HEAD}", f"none called {', '.join(sorted(missing))}")
        yield from (row for row in rows if row["split"] == split)


def _meta(path: Path, split: str) -> Iterator[Mapping[str, Any]]:
    try:
        for entries in json.loads(path.read_text(encoding="utf-8"))[split].values():
            for entry in entries:
                label = "anomaly" if entry["anomaly"] else "normal"
                found = {"object": entry["cls_name"], "label": label, "image": entry["img_path"]}
                yield {**found, "mask": entry["mask_path"]}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        trees.refuse(path, "must map splits and categories to lists of parts", f"{type(error).__name__}: {error}")


def _sample(root: Path, table: Path, row: Mapping[str, Any], split: str) -> Sample:
    category = check_component("load", f"a category in {table}", row["object"])
    label = row["label"] != "normal"
    rgb = _file(root, row["image"], table)
    stem = PurePosixPath(row["image"]).stem
    return Sample(
        name=f"{category}/{split}/{'bad' if label else GOOD}/{stem}",
        category=category,
        label=label,
        defect="bad" if label else GOOD,
        rgb=rgb,
        mask=_file(root, row["mask"], table) if label else None,
    )


def _file(root: Path, name: object, table: Path) -> Path:
    """A file that ``table`` names."""
    path = PurePosixPath(str(name or ""))
    if not path.name or path.is_absolute() or ".." in path.parts:
        trees.refuse(table, "must name files below its folder", repr(name))
    if not (root / path).is_file():
        trees.refuse(table, "must name files that exist", root / path)
    return root / path


def _write_data(root: Path, category: str, parts: Parts, start: int) -> Iterator[tuple[bool, str, str]]:
    """Label, image and mask of each part, as written; masks hold small numbers, as the original's do."""
    for number, part in enumerate(saving.each(parts), start=start):
        label = part.kind != GOOD
        image = f"{category}/Data/Images/{'Anomaly' if label else 'Normal'}/{number:04}.JPG"
        mask = f"{category}/Data/Masks/Anomaly/{number:04}.png" if label else ""
        saving.picture(root / image, part.rgb)
        if label:
            saving.picture(root / mask, part.mask.astype("u1") * (1 + number % 3))
        yield label, image, mask


def write(root: Path, category: str, split: str, parts: Parts) -> None:
    """Generated parts as published."""
    for label, image, mask in _write_data(root, category, parts, 0 if split == "test" else 1000):
        said = "anomaly" if label else "normal"
        saving.line(root / _TABLE, _HEAD, f"{category},{split},{said},{image},{mask}")


def write_meta(root: Path, category: str, split: str, parts: Parts) -> None:
    """Generated parts as published, listed in meta.json."""
    path = root / _META
    known = json.loads(path.read_text()) if path.exists() else {}
    known.setdefault(split, {})[category] = [
        {
            "img_path": image,
            "mask_path": mask,
            "cls_name": category,
            "specie_name": "anomaly" if label else "normal",
            "anomaly": int(label),
        }
        for label, image, mask in _write_data(root, category, parts, 0 if split == "test" else 1000)
    ]
    saving.text(path, json.dumps(known, indent=1))


def write_folders(root: Path, category: str, split: str, parts: Parts) -> None:
    """Generated parts in one-class folders."""
    for number, part in enumerate(saving.each(parts)):
        kind = GOOD if part.kind == GOOD else "bad"
        folder = root / _FOLDERS / category
        saving.picture(folder / split / kind / f"{number:03}.JPG", part.rgb)
        if part.kind != GOOD:
            saving.picture(folder / "ground_truth" / kind / f"{number:03}.png", part.mask)


WRITERS = {"original": write, "meta": write_meta, "1cls": write_folders}
