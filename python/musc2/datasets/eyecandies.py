"""Eyecandies: images, depth and masks of ten kinds of rendered sweets; as published, or prepared as xyz maps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from musc2.datasets import contents, depth_files, saving, trees
from musc2.datasets.sample import GOOD, Sample
from musc2.datasets.synthetic import Parts

CATEGORIES = (
    "CandyCane", "ChocolateCookie", "ChocolatePraline", "Confetto", "GummyBear", "HazelnutTruffle", "LicoriceSandwich",
    "Lollipop", "Marshmallow", "PeppermintCandy",
)  # fmt: skip
SPLITS = ("test", "train", "val")
LAYOUT = (
    "CATEGORY/test_public/data/00_{image_0.png, depth.png, info_depth.yaml, pose.txt, mask.png, metadata.yaml} "
    "or, prepared, CATEGORY/test/DEFECT/{rgb/000.png, xyz/000.tiff, gt/000.png}"
)
_ORIGINAL = {"test": "test_public", "train": "train", "val": "val"}
_IMAGE = "image_0"  # of six lights the one that the published code of MuSc-V2 takes
_DEFECTS = ("bumps", "colors", "dents", "normals")


def samples(root: Path, categories: Sequence[str] | None, split: str) -> list[Sample]:
    """The parts below ``root``, which is laid out as LAYOUT says."""
    found = trees.categories(root, categories, LAYOUT, _ORIGINAL[split] + "/data", split)
    return trees.gathered(found, lambda folder: _samples(folder, split))


def _samples(category: Path, split: str) -> Iterator[Sample]:
    folder = category / _ORIGINAL[split] / "data"
    if not folder.is_dir():
        yield from trees.with_scans(category, split)
        return
    everything = trees.files(folder, (".png", ".yaml", ".txt"))
    for number in sorted({stem.split("_")[0] for stem in everything}):
        rgb, depth, info, mask = (
            _file(everything, folder, f"{number}_{kind}") for kind in (_IMAGE, "depth", "info_depth", "mask")
        )
        label = bool(contents.marked(mask).any())
        height, width = contents.size_of(depth)
        focal = depth_files.FOCAL * width
        yield Sample(
            name=f"{category.name}/{split}/{number}",
            category=category.name,
            label=label,
            defect=_defects(everything.get(f"{number}_metadata")) if label else GOOD,
            rgb=rgb,
            mask=mask if label else None,
            depth=depth,
            intrinsics=(focal, focal, width / 2, height / 2),
            depth_range=(_number(info, "min"), _number(info, "max")),
            pose=everything.get(f"{number}_pose"),
        )


def _file(everything: Mapping[str, Path], folder: Path, stem: str) -> Path:
    if stem not in everything:
        trees.refuse(folder, f"must hold {stem}.*, as there are others of its number", "none")
    return everything[stem]


def _number(info: Path, name: str) -> float:
    try:
        return depth_files.bound(info.read_text(errors="replace"), name)
    except ValueError as error:
        trees.refuse(info, f"must say what {name} is", error)


def _defects(metadata: Path | None) -> str:
    """ "bumps+dents"; "bad" where no file tells."""
    said = "" if metadata is None else metadata.read_text(errors="replace")
    return "+".join(name for name in _DEFECTS if re.search(rf"\b{name}:\s*(1|true)\b", said)) or "bad"


def write(root: Path, category: str, split: str, parts: Parts) -> None:
    """Generated parts as published; what the sensor misses is as far away as the background."""
    for number, part in enumerate(saving.each(parts)):
        start = root / category / _ORIGINAL[split] / "data" / f"{number:03}"
        depth = np.where(part.xyz[..., 2] == 0, 0.5, part.xyz[..., 2])
        low, high = float(depth.min()) - 0.01, float(depth.max())
        levels = ((depth - low) / (high - low) * 65535).round().astype(np.uint16)
        kinds = {name: int(name == _kind(part.kind)) for name in _DEFECTS}
        for light in range(6):
            saving.picture(start.with_name(f"{start.name}_image_{light}.png"), part.rgb // (1 + light))
        saving.picture(start.with_name(f"{start.name}_depth.png"), levels)
        saving.picture(start.with_name(f"{start.name}_mask.png"), part.mask)
        for name, said in (
            ("info_depth.yaml", f"normalization:\n  max: {high!r}\n  min: {low!r}\n"),
            ("metadata.yaml", "".join(f"{kind}: {there}\n" for kind, there in kinds.items())),
            ("pose.txt", "1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n"),
        ):
            saving.text(start.with_name(f"{start.name}_{name}"), said)


def _kind(kind: str) -> str:
    return {GOOD: "", "stain": "colors", "print": "colors", "bump": "bumps", "contamination": "bumps"}.get(
        kind, "dents"
    )


def write_prepared(root: Path, category: str, split: str, parts: Parts) -> None:
    """Generated parts with xyz maps; all defects are "bad"."""
    for number, part in enumerate(saving.each(parts)):
        folder, stem = root / category / split / (GOOD if part.kind == GOOD else "bad"), f"{number:03}"
        saving.picture(folder / "rgb" / f"{stem}.png", part.rgb)
        saving.scan(folder / "xyz" / f"{stem}.tiff", part.xyz)
        saving.picture(folder / "gt" / f"{stem}.png", part.mask)


WRITERS = {"original": write, "prepared": write_prepared}
