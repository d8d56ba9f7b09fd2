"""Data sets to score and to evaluate on: one file each, and generators of parts.

    datasets.names()                                   # mvtec_3d, eyecandies, ..., folder,
    synthetic samples = datasets.load("mvtec_3d", "data/mvtec_3d", categories=["bagel"])  # paths
    and labels musc2.score([sample.rgb for sample in samples], [sample.xyz for sample in samples])
    datasets.load_image(samples[0]), datasets.load_cloud(samples[0]), datasets.load_mask(samples[0])
    datasets.write("mvtec_3d", "made", categories=3, seed=0)   # generated parts in its layout

A data set is a module of this package with LAYOUT (in words), CATEGORIES, SPLITS,
``samples(root, categories, split)`` and WRITERS: layout -> ``write(root, category, split, parts)``.
"""

from __future__ import annotations

import functools
import importlib
import os
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from musc2 import checks
from musc2.datasets import contents, layouts, synthetic
from musc2.datasets.contents import load_cloud, load_image, load_mask
from musc2.datasets.sample import LabeledSample
from musc2.datasets.synthetic.families import FAMILIES
from musc2.datasets.synthetic.parts import check_arguments
from musc2.paths import check_component

__all__ = [
    "LabeledSample",
    "load",
    "load_cloud",
    "load_image",
    "load_mask",
    "names",
    "synthetic",
    "write",
]


def names() -> tuple[str, ...]:
    """Return the names of the data sets that ``load`` and ``write`` take."""
    return tuple(_modules())


def load(
    name: str,
    root: str | os.PathLike[str],
    *,
    categories: str | Sequence[str] | None = None,
    split: str = "test",
) -> list[LabeledSample]:
    """Return the parts of a data set in the folder ``root``, sorted.

    Args:
        name: One of ``names()``.
        root: The folder of the data set; a glob as well for "folder".
        categories: One or some of its categories; None for all.
        split: "test", or another split of the data set.

    Raises:
        InputError: A category has no parts; a file lacks its partner, is empty or cannot be opened;
            a mask has another size than its image. The error names the file.
    """
    module = _module("load", name)
    if split not in module.SPLITS:
        requirement = f"must be one of {', '.join(module.SPLITS)} for {name}"
        checks.refuse("load", "split", requirement, repr(split))
    folder = Path(root).expanduser()
    if name != "folder" and not folder.is_dir():
        got = "a file" if folder.exists() else "none"
        checks.refuse("load", f"root ({folder})", "must be a folder that exists", got)
    chosen = [categories] if isinstance(categories, str) else categories
    samples: list[LabeledSample] = module.samples(
        folder, None if chosen is None else list(chosen), split
    )
    if not samples:
        requirement = f"must hold parts of the split {split}: {module.LAYOUT}"
        checks.refuse("load", f"root ({folder})", requirement, "none")
    for category in {sample.category for sample in samples}:
        check_component("load", f"a category of root ({folder})", category)
    contents.check_files(samples)
    return samples


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
    """Write generated parts in the layout of a data set and return the folder.

    Each category has a design of its own; the categories take turns in the families of parts.

    Args:
        name: One of ``names()``, whose layout is written.
        root: A new or empty folder.
        categories: How many of the data set's categories, or which.
        count: Test parts in each category, half of them defective. A quarter as many good parts are
            written for training if the data set has that split.
        size: The side of images and xyz maps in pixels.
        seed: Of all random choices; the same seed writes the same files.
        layout: "original", or another layout of the data set.
    """
    module = _module("write", name)
    if layout not in module.WRITERS:
        requirement = f"must be one of {', '.join(module.WRITERS)} for {name}"
        checks.refuse("write", "layout", requirement, repr(layout))
    chosen = _chosen_categories(name, module.CATEGORIES, categories)
    check_arguments("write", count, size=size, seed=seed)
    folder = Path(root).expanduser()
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        got = "a file" if folder.is_file() else layouts.describe(folder)
        checks.refuse("write", f"root ({folder})", "must be new or empty", got)
    write_parts = module.WRITERS[layout]
    families = list(FAMILIES.values())
    for number, category in enumerate(chosen):
        make = families[number % len(families)]
        design_seed = seed + number
        test = make(count, size=size, seed=design_seed)
        write_parts(folder, category, "test", test)
        if "train" in module.SPLITS:
            train_count = max(2, count // 4)
            train = make(train_count, defective=0, size=size, seed=design_seed, first=count)
            write_parts(folder, category, "train", train)
    return folder


def _chosen_categories(
    name: str,
    available: Sequence[str],
    categories: int | Sequence[str],
) -> list[str]:
    """Return the categories to write: the first ones for a number."""
    if checks.is_whole(categories, 1, len(available)):
        return list(available[: int(categories)])  # type: ignore[arg-type]
    is_list = isinstance(categories, Sequence) and not isinstance(categories, str)
    if is_list and categories and set(categories) <= set(available):  # type: ignore[arg-type]
        return list(categories)  # type: ignore[arg-type]
    requirement = (
        f"must be 1 to {len(available)} or a list of some of {', '.join(available)} for {name}"
    )
    checks.refuse("write", "categories", requirement, repr(categories))


def _module(op: str, name: str) -> ModuleType:
    modules = _modules()
    if name not in modules:
        got = f"{name!r}{layouts.hint(str(name), modules)}"
        checks.refuse(op, "name", f"must be one of {', '.join(modules)}", got)
    return modules[name]


@functools.cache
def _modules() -> dict[str, ModuleType]:
    modules: dict[str, ModuleType] = {}
    for entry in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{entry.name}")
        if hasattr(module, "WRITERS"):
            modules[entry.name] = module
    return modules
