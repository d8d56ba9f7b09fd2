"""The door of ``score``: samples, references, and whether they can be scored by the settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import torch

from musc2.errors import InputError
from musc2.inputs import Failure, Sample, pair
from musc2.parts import Origin

_KEYS = ("rgb", "pcd", "masks")
REFERENCES = "references: "


def references(given: Mapping[str, Any] | None, samples: Sequence[Sample], intrinsics: object) -> list[Sample]:
    """The samples that only score; they have the modalities of the others."""
    if given is None:
        return []
    if not isinstance(given, Mapping) or any(key not in _KEYS for key in given):
        got = list(given) if isinstance(given, Mapping) else type(given).__name__
        _refuse("references", f"a mapping with keys among {', '.join(_KEYS)}", got)
    first = samples[0]
    for key, source in (("rgb", first.image), ("pcd", first.cloud)):
        if (given.get(key) is None) != (source is None):
            _refuse(f"{REFERENCES}{key}", f"given exactly when {key} is", "only one of the two")
    with of_references():
        return pair(given.get("rgb"), given.get("pcd"), intrinsics=intrinsics, masks=given.get("masks"))


@contextmanager
def of_references() -> Iterator[None]:
    """Errors in this block say that they are about references."""
    try:
        yield
    except InputError as error:
        raise InputError(_about_references(error)) from error


def _about_references(error: InputError) -> str:
    """The message of an error about a reference."""
    return str(error).replace("score: ", f"score: {REFERENCES}", 1)


def check_together(samples: Sequence[Sample], known: int, *, degrees_apart: bool, window: int | None) -> None:
    """What single arguments cannot tell: whether there is anything to compare, and by these settings."""
    images, clouds = samples[0].image is not None, samples[0].cloud is not None
    if len(samples) + known < 2:
        name = "rgb" if images else "pcd"
        _refuse(name, "at least 2 samples when there are no references", len(samples))
    if degrees_apart and clouds:
        _refuse("pcd", "left out when degrees are scored apart (preset musc)", "pcd")
    if window is not None and not images:
        _refuse("rgb", "given when config.window is", "no rgb")


def check_left(mine: int, theirs: int, failures: Sequence[Failure], *, wanted: int) -> None:
    """Whether enough could be read; ``wanted`` references were given."""
    if mine < 1 or mine + theirs < 2 or (wanted > 0 and theirs < 1):
        first = f"; the first that failed: {failures[0].error}" if failures else ""
        left = f"{mine} samples and {theirs} of {wanted} references{first}"
        _refuse("config.on_error", '"raise" where too few are left to compare', left)


def sizes(origins: Sequence[Origin], *, working: bool = False) -> list[tuple[int, int]] | None:
    """(H, W) of each sample's map, or what it was brought to; None for clouds, which have none."""
    found = [(origin.working if working else origin.size) for origin in origins]
    there = [size for size in found if size is not None]
    if there and len(there) < len(found):
        name = origins[found.index(None)].name
        _refuse("pcd", "all maps (H, W, 3) or all clouds (P, 3)", f"both; sample {name!r} is a cloud")
    return there or None


def masks(origins: Sequence[Origin]) -> list[torch.Tensor] | None:
    """(H, W) of each sample; None when there are none, or only those of clouds."""
    found = [origin.mask for origin in origins if origin.mask is not None and origin.mask.ndim == 2]
    return found or None


def failed(mine: Sequence[Failure], theirs: Sequence[Failure]) -> list[tuple[int, str, str]]:
    """(index, name, message) of each."""
    own = [(failure.sample.index, failure.sample.name, str(failure.error)) for failure in mine]
    return own + [(f.sample.index, REFERENCES + f.sample.name, _about_references(f.error)) for f in theirs]


def _refuse(name: str, wanted: str, got: object) -> NoReturn:
    msg = f"score: {name} must be {wanted}, got {got}"
    raise InputError(msg)
