"""Generated plates, discs and cables with known defects, and the data set that they make.

    parts = synthetic.parts(80, seed=0)            # plates; discs and cables: synthetic.families
    parts.rgb, parts.xyz, parts.masks, parts.labels, parts.kinds

A table of your own parts in the same layout can be loaded as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from musc2 import checks
from musc2.datasets import layouts
from musc2.datasets.generated import GeneratedParts
from musc2.datasets.sample import GOOD, LabeledSample
from musc2.datasets.saving import append_row, save_image, save_map
from musc2.datasets.synthetic.parts import KINDS, parts

__all__ = [
    "CATEGORIES",
    "KINDS",
    "LAYOUT",
    "SPLITS",
    "WRITERS",
    "GeneratedParts",
    "parts",
    "samples",
    "write",
]

CATEGORIES = ("plates", "discs", "cables")
SPLITS = ("test", "train")
LAYOUT = (
    "CATEGORY/{parts.csv, rgb/NAME.png, xyz/NAME.tiff, masks/NAME.png}, "
    "the table with name,split,kind"
)
_TABLE, _HEADER = "parts.csv", "name,split,kind"


def samples(root: Path, categories: Sequence[str] | None, split: str) -> list[LabeledSample]:
    """Return the parts below ``root``, which is laid out as LAYOUT says."""
    folders = layouts.category_folders(root, categories, LAYOUT, "rgb")
    return layouts.collect_samples(folders, lambda folder: _samples(folder, split))


def _samples(category: Path, split: str) -> Iterator[LabeledSample]:
    table = category / _TABLE
    rows = _rows(table)
    endings = layouts.SCANS + layouts.IMAGES
    images = layouts.files_by_stem(category / "rgb", endings)
    scans = layouts.files_by_stem(category / "xyz", endings)
    masks = layouts.files_by_stem(category / "masks", endings)
    for row in rows:
        if row["split"] != split:
            continue
        name, is_good = row["name"], row["kind"] == GOOD
        rgb = layouts.find_partner(category / f"{name}.png", images, category / "rgb", "image")
        xyz = layouts.find_partner(rgb, scans, category / "xyz", "scan")
        mask = None
        if not is_good:
            mask = layouts.find_partner(rgb, masks, category / "masks", "mask")
        yield LabeledSample(
            name=f"{category.name}/{name}",
            category=category.name,
            label=not is_good,
            defect=row["kind"],
            rgb=rgb,
            xyz=xyz,
            mask=mask,
        )
    names = {row["name"] for row in rows}
    for files in (images, scans, masks):
        layouts.check_no_orphans(files.values(), names, f"entry in {table}")


def _rows(table: Path) -> list[Mapping[str, str]]:
    columns = set(_HEADER.split(","))
    if not table.is_file():
        requirement = f"must be a table with the columns {_HEADER}"
        checks.refuse("load", f"{table}", requirement, "none")
    _, rows = layouts.read_table(table)
    for row in rows:
        is_complete = None not in row.values() and set(row) == columns
        if not is_complete:
            requirement = f"must have the columns {_HEADER} in every row"
            checks.refuse("load", f"{table}", requirement, row)
    return list(rows)


def write(root: Path, category: str, split: str, parts: GeneratedParts) -> None:
    """Write generated parts in this layout; good ones have black masks."""
    folder = root / category
    for part in parts:
        name = f"{split}_{part.index:03}"
        save_image(folder / "rgb" / f"{name}.png", part.rgb)
        save_map(folder / "xyz" / f"{name}.tiff", part.xyz)
        save_image(folder / "masks" / f"{name}.png", part.mask)
        append_row(folder / _TABLE, _HEADER, f"{name},{split},{part.kind}")


WRITERS = {"original": write}
