"""Samples to score and to measure with: one file per data set, and the generators.

    datasets.names()                                           # mvtec_3d, eyecandies, ..., folder, synthetic
    found = datasets.load("mvtec_3d", "data/mvtec_3d", categories=["bagel"])     # list of Sample: paths and labels
    musc2.score([sample.rgb for sample in found], [sample.xyz for sample in found])
    datasets.load_image(found[0]), datasets.load_cloud(found[0]), datasets.load_mask(found[0])   # what is in its files
    datasets.write("mvtec_3d", "made", categories=3, seed=0)   # generated parts in the layout of a data set

A data set is a module of this package with LAYOUT (in words), CATEGORIES, SPLITS, ``samples(root, categories, split)``
and WRITERS: layout -> ``write(root, category, split, parts)``.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import os
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from musc2.datasets import contents, families, synthetic, trees
from musc2.datasets.contents import load_cloud, load_image, load_mask
from musc2.datasets.sample import Sample
from musc2.paths import check_component

__all__ = ["Sample", "load", "load_cloud", "load_image", "load_mask", "names", "synthetic", "write"]


def names() -> tuple[str, ...]:
    """The names that ``load`` and ``write`` know."""
    return tuple(_sets())


def load(
    name: str, root: str | os.PathLike[str], *, categories: str | Sequence[str] | None = None, split: str = "test"
) -> list[Sample]:
    """The parts of a data set that lies in the folder ``root``, sorted: all ``categories``, or some.

    Files without partner, masks of another size than their image and pictures that cannot be opened are errors that
    name the file, and so is a category without parts.
    """
    known = _set("load", name)
    if split not in known.SPLITS:
        trees.refuse("split", f"must be one of {', '.join(known.SPLITS)} for {name}", repr(split))
    wanted = None if categories is None else [categories] if isinstance(categories, str) else list(categories)
    place = Path(root).expanduser()
    if name != "folder" and not place.is_dir():
        trees.refuse(f"root ({place})", "must be a folder that exists", "a file" if place.exists() else "none")
    found: list[Sample] = known.samples(place, wanted, split)
    if not found:
        trees.refuse(f"root ({place})", f"must hold parts of the split {split}: {known.LAYOUT}", "none")
    for category in {sample.category for sample in found}:
        check_component("load", f"a category of root ({place})", category)
    contents.check(found)
    return found


def write(
    name: str,
    root: str | os.PathLike[str],
    *,
    categories: int | Sequence[str] = 1,
    count: int = 24,
    size: int = 224,
    seed: int = 0,
    layout: str = "original",
) -> Path:
    """Generated parts as the data set ``name`` lays them out, into the folder ``root``, which must be new or empty.

    ``count`` test parts in each category, half of them defective, and a quarter as many good ones to train with. Every
    category has a design of its own; they take turns in the families of parts.
    """
    known, place = _set("write", name), Path(root).expanduser()
    if layout not in known.WRITERS:
        trees.refuse("layout", f"must be one of {', '.join(known.WRITERS)} for {name}", repr(layout), op="write")
    wanted = known.CATEGORIES[:categories] if isinstance(categories, int) else tuple(categories)
    if (
        not wanted
        or not set(wanted) <= set(known.CATEGORIES)
        or (isinstance(categories, int) and categories > len(wanted))
    ):
        either = f"1 to {len(known.CATEGORIES)} or some of {', '.join(known.CATEGORIES)}"
        trees.refuse("categories", f"must be {either} for {name}", repr(categories), op="write")
    if place.is_file() or (place.is_dir() and any(place.iterdir())):
        trees.refuse(f"root ({place})", "must be new or empty", "something there", op="write")
    makers = list(families.FAMILIES.values())
    for number, category in enumerate(wanted):
        make = makers[number % len(makers)]
        known.WRITERS[layout](place, category, "test", make(count, size=size, seed=seed + number))
        if "train" in known.SPLITS:
            train = make(max(2, count // 4), defective=0, size=size, seed=seed + number, first=count)
            known.WRITERS[layout](place, category, "train", train)
    return place


def _set(op: str, name: str) -> ModuleType:
    known = _sets()
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        trees.refuse("name", f"must be one of {', '.join(known)}", f"{name!r}{hint}", op=op)
    return known[name]


@functools.cache
def _sets() -> dict[str, ModuleType]:
    modules = {
        found.name: importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
    }
    return {name: module for name, module in modules.items() if hasattr(module, "WRITERS")}
