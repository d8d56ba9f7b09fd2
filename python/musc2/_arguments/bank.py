"""Argument checks of ``Scorer``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from musc2 import checks
from musc2.config import Config
from musc2.encoders import selection
from musc2.encoders.auto import resolve_auto
from musc2.encoders.selection import Encoders
from musc2.inputs import Sample

OP = "Scorer.fit"
STORAGES = ("float32", "float16")
DROPS = ("oldest", "alike")


@dataclass(frozen=True, kw_only=True)
class Specifications:
    """What loads the encoders again: their names, None for one without; and the camera."""

    image: list[str | None]
    points: list[str | None]
    intrinsics: list[float] | None = None


def check_options(
    storage: object,
    keep_distances: object,
    capacity: object,
    drop: object,
    bank_size: object,
    config: Config,
) -> None:
    """Raise unless the options of a bank can be used, alone and together."""
    checks.choice(OP, "storage", storage, STORAGES)
    check_flag("keep_distances", keep_distances)
    checks.choice(OP, "drop", drop, DROPS)
    if capacity is not None:
        checks.whole(OP, "capacity", capacity, 2)
    if drop == "alike" and not keep_distances:
        checks.refuse(OP, "keep_distances", 'must be True with drop="alike"', keep_distances)
    if bank_size is None:
        return
    if not checks.is_number(bank_size) or not 0 < float(str(bank_size)) <= 1:
        checks.refuse(OP, "bank_size", "must be None or a number above 0 and at most 1", bank_size)
    if drop == "alike":
        requirement = 'must be None with drop="alike", which compares all patches'
        checks.refuse(OP, "bank_size", requirement, bank_size)
    if config.tile_neighbors != 0:
        requirement = "must be 0 with bank_size"
        checks.refuse(OP, "config.tile_neighbors", requirement, config.tile_neighbors)
    if config.search_window is not None:
        requirement = "must be None with config.search_window, which needs all places"
        checks.refuse(OP, "bank_size", requirement, bank_size)


def check_whole_bank(op: str, bank_size: float | None) -> None:
    """Raise if the bank holds a share of its patches."""
    if bank_size is not None:
        requirement = "must be None: the parts cannot be scored again without all their patches"
        checks.refuse(op, "the bank's bank_size", requirement, bank_size)


def check_flag(name: str, value: object) -> None:
    """Raise unless the value is True or False."""
    if not isinstance(value, bool):
        checks.refuse(OP, name, "must be True or False", repr(value))


def check_modalities(op: str, sample: Sample, encoders: Encoders) -> None:
    """Raise unless new parts have the modalities of the bank's."""
    pairs = (("rgb", sample.image, encoders.images), ("pcd", sample.cloud, encoders.points))
    for name, source, own in pairs:
        if (source is not None) != bool(own):
            state = "given, as in the bank" if own else "left out, as in the bank"
            checks.refuse(op, name, f"must be {state}", "nothing" if own else name)


def select(
    encoder_2d: object,
    encoder_3d: object,
    config: Config,
    device: str,
    *,
    images: bool,
    points: bool,
    intrinsics: object = None,
) -> tuple[Specifications, Encoders]:
    """Return the encoders that the arguments stand for and how to load them again."""
    if config.search_window == "auto":
        requirement = "must be None or a number, a bank keeps its window"
        checks.refuse("Scorer.fit", "config.search_window", requirement, "auto")
    if not images:
        encoder_2d = None
    if not points:
        encoder_3d = None
    encoder_2d, encoder_3d = resolve_auto(encoder_2d, encoder_3d, stacklevel=4)
    specifications = Specifications(
        image=_names("encoder_2d", encoder_2d),
        points=_names("encoder_3d", encoder_3d),
        intrinsics=plain_intrinsics(intrinsics),
    )
    chosen = selection.select(encoder_2d, encoder_3d, config, device, images=images, points=points)
    return specifications, chosen


def plain_intrinsics(intrinsics: object) -> list[float] | None:
    """Return fx, fy, cx and cy of a camera that is the same for all parts."""
    if intrinsics is None:
        return None
    values = np.asarray(intrinsics, dtype=float)
    if values.shape == (3, 3):
        values = values[[0, 1, 0, 1], [0, 1, 2, 2]]
    return list(map(float, values))


def _names(argument: str, encoders_given: object) -> list[str | None]:
    if encoders_given is None:
        return []
    items = selection.listed(argument, encoders_given)
    return [item if isinstance(item, str) else None for item in items]
