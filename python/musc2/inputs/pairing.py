"""The samples of a set: images, clouds and masks that belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from musc2.inputs.masks import foreground
from musc2.inputs.pictures import images
from musc2.inputs.sources import Sample, Source, refuse
from musc2.inputs.surfaces import clouds

T = TypeVar("T")


def pair(
    rgb: object = None,
    pcd: object = None,
    *,
    intrinsics: object = None,
    masks: object = None,
    names: Sequence[str] | None = None,
) -> list[Sample]:
    """The samples that ``rgb`` and/or ``pcd`` hold, matched by position; nothing is read yet.

    Where both are files, their stems must be equal (that of a mask may end in "_mask"). Names: ``names``, else the
    stems, with as many folders before them as it takes to tell them apart, else the positions.

    >>> [sample.name for sample in pair(["good/000.png", "bent/000.png"], ["a/000.tiff", "b/000.tiff"])]
    ['good/000', 'bent/000']
    """
    if rgb is None and pcd is None:
        refuse("rgb or pcd", "must be given", "neither")
    if intrinsics is not None and pcd is None:
        refuse("intrinsics", "must be given together with pcd", "no pcd")
    pictures = None if rgb is None else images(rgb)
    scans = None if pcd is None else clouds(pcd, intrinsics)
    foregrounds = None if masks is None else foreground(masks)
    first: Sequence[Source[Any]] = pictures or scans or []
    if pictures and scans:
        _check_pairs(pictures, scans)
    if foregrounds:
        _check_pairs(first, foregrounds, endings=("", "_mask"))
    found = _names([source.path for source in first]) if names is None else _given_names(names, len(first))
    return [
        Sample(
            index=index, name=name, image=_at(pictures, index), cloud=_at(scans, index), mask=_at(foregrounds, index)
        )
        for index, name in enumerate(found)
    ]


def _at(sources: Sequence[Source[T]] | None, index: int) -> Source[T] | None:
    return None if sources is None else sources[index]


def _check_pairs(ours: Sequence[Source[Any]], theirs: Sequence[Source[Any]], endings: tuple[str, ...] = ("",)) -> None:
    """As many of one as of the other, and equal stems where both are files; the first odd one is named."""
    for one, other in zip(ours, theirs, strict=False):
        if one.path and other.path and other.path.stem not in [one.path.stem + ending for ending in endings]:
            refuse(other.label, f"must have the file stem of {one.label}", repr(other.path.stem))
    if len(ours) != len(theirs):
        longer = max(ours, theirs, key=len)
        alone = f"; {longer[min(len(ours), len(theirs))].label} is the first without counterpart"
        refuse(
            theirs[0].argument, f"must hold as many samples as {ours[0].argument}, {len(ours)}", f"{len(theirs)}{alone}"
        )


def _names(paths: Sequence[Path | None]) -> list[str]:
    stems = [None if path is None else path.with_suffix("").parts for path in paths]
    for depth in range(1, max((len(parts) for parts in stems if parts), default=0) + 1):
        found = [str(index) if parts is None else "/".join(parts[-depth:]) for index, parts in enumerate(stems)]
        if len(set(found)) == len(found):
            return found
    # the same file twice, or files that differ in their endings only
    plain = [str(index) if path is None else path.stem for index, path in enumerate(paths)]
    counts = Counter(plain)
    return [name if counts[name] == 1 else f"{name} ({index})" for index, name in enumerate(plain)]


def _given_names(names: Sequence[str], count: int) -> list[str]:
    if isinstance(names, str) or not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        refuse("names", "must be a list of strings", type(names).__name__)
    if len(names) != count:
        refuse("names", f"must be one for each of the {count} samples", len(names))
    for name, times in Counter(names).items():
        if times > 1:
            refuse("names", "must be different", f"{name!r} {times} times")
    return list(names)
