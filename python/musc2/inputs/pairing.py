"""Match the images, clouds and masks of a set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from musc2 import checks
from musc2.inputs import containers
from musc2.inputs.clouds import list_clouds
from musc2.inputs.images import list_images
from musc2.inputs.limits import DEFAULT, Limits
from musc2.inputs.masks import list_masks
from musc2.inputs.sample import Label, Sample, Source

T = TypeVar("T")


def pair(
    rgb: object = None,
    pcd: object = None,
    *,
    intrinsics: object = None,
    masks: object = None,
    names: Sequence[str] | None = None,
    op: str = "score",
    prefix: str = "",
    limits: Limits = DEFAULT,
) -> list[Sample]:
    """Return the samples that ``rgb`` and/or ``pcd`` hold, matched by position, not read yet.

    Where both are files, their stems must be equal (that of a mask may end in "_mask"). Names:
    ``names``, else the stems, with as many folders before them as it takes to tell them apart, else
    the positions. Dictionaries, from names to samples, are matched by their keys instead, which are
    the names. Errors begin with ``op`` and call the arguments ``prefix`` + "rgb" and so on.
    limits: of each file; default: those of ``Config()``.

    >>> [sample.name for sample in pair(["good/000.png", "bent/000.png"])]
    ['good/000', 'bent/000']
    """
    if rgb is None and pcd is None:
        checks.refuse(op, f"{prefix}rgb or pcd", "must be given", "neither")
    if intrinsics is not None and pcd is None:
        checks.refuse(op, "intrinsics", "must be given together with pcd", "no pcd")
    labels: dict[str, Label] = {}
    for name in ("rgb", "pcd", "masks"):
        labels[name] = Label(op=op, text=prefix + name, limits=limits)
    rgb, pcd, masks, keys = _by_key(labels, rgb, pcd, masks)
    names = keys if names is None else names
    images = None if rgb is None else list_images(rgb, labels["rgb"])
    clouds = None if pcd is None else list_clouds(pcd, intrinsics, labels["pcd"])
    foregrounds = None if masks is None else list_masks(masks, labels["masks"])
    first: Sequence[Source[Any]] = images or clouds or []
    if images and clouds:
        _check_pairs(images, clouds)
    if foregrounds:
        _check_pairs(first, foregrounds, suffixes=("", "_mask"))
    if names is None:
        names = _names_of([source.path for source in first])
    else:
        names = checks.names(op, names, len(first))
    return [
        Sample(
            index=index,
            name=name,
            image=_at(images, index),
            cloud=_at(clouds, index),
            mask=_at(foregrounds, index),
        )
        for index, name in enumerate(names)
    ]


def _by_key(
    labels: Mapping[str, Label], *values: object
) -> tuple[object, object, object, list[str] | None]:
    """Return rgb, pcd and masks in one order, and the keys of dictionaries; None without any."""
    pairs = list(zip(labels.values(), values, strict=True))
    present = [(label, value) for label, value in pairs if value is not None]
    first, first_value = present[0]
    keys = containers.keys_of(first, first_value)
    ordered: dict[str, object] = {}
    for label, value in present:
        own = containers.keys_of(label, value)
        if (own is None) != (keys is None):
            requirement = f"must be a dictionary exactly when {first.text} is"
            label.refuse(requirement, type(value).__name__)
        if own is None or keys is None:
            ordered[label.text] = value
            continue
        different = sorted(set(keys) ^ set(own))
        if different:
            requirement = f"must have the keys of {first.text}"
            label.refuse(requirement, f"{different[0]!r} in only one of the two")
        by_name = cast(Mapping[str, object], value)
        ordered[label.text] = [by_name[name] for name in keys]
    rgb, pcd, masks = (ordered.get(label.text) for label in labels.values())
    return rgb, pcd, masks, keys


def _at(sources: Sequence[Source[T]] | None, index: int) -> Source[T] | None:
    return None if sources is None else sources[index]


def _check_pairs(
    sources: Sequence[Source[Any]],
    partners: Sequence[Source[Any]],
    suffixes: tuple[str, ...] = ("",),
) -> None:
    """Raise unless there are as many partners, with equal stems where both are files."""
    # Stems first: they name the file that is missing better than the numbers do.
    for source, partner in zip(sources, partners, strict=False):
        if source.path is None or partner.path is None:
            continue
        if partner.path.stem not in [source.path.stem + suffix for suffix in suffixes]:
            requirement = f"must have the file stem of {source.label.text}"
            partner.label.refuse(requirement, repr(partner.path.stem))
    if len(sources) != len(partners):
        longer = max(sources, partners, key=len)
        alone = longer[min(len(sources), len(partners))].label.text
        requirement = f"must hold as many samples as {sources[0].argument.text}, {len(sources)}"
        got = f"{len(partners)}; {alone} is the first without counterpart"
        partners[0].argument.refuse(requirement, got)


def _names_of(paths: Sequence[Path | None]) -> list[str]:
    """Return the shortest names that tell the paths apart; the position for what is not a file."""
    deepest = max((len(path.parts) for path in paths if path is not None), default=0)
    for depth in range(1, deepest + 1):
        names = [_name(index, path, depth) for index, path in enumerate(paths)]
        if len(set(names)) == len(names):
            return names
    # Files that differ only in their endings, or the same file twice.
    names = _with_endings(paths, [_name(index, path, depth=1) for index, path in enumerate(paths)])
    counts = Counter(names)
    return [name if counts[name] == 1 else f"{name} ({index})" for index, name in enumerate(names)]


def _with_endings(paths: Sequence[Path | None], stems: Sequence[str]) -> list[str]:
    """Return the stems, those that occur twice with the endings of their files."""
    counts = Counter(stems)
    names: list[str] = []
    for path, stem in zip(paths, stems, strict=True):
        names.append(stem if path is None or counts[stem] == 1 else path.name)
    return names


def _name(index: int, path: Path | None, depth: int) -> str:
    if path is None:
        return str(index)
    return "/".join(path.with_suffix("").parts[-depth:])
