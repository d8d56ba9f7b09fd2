"""The door: tokens and clouds as the pipeline takes them, each checked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import torch

from musc2.errors import InputError
from musc2.ops import arrays
from musc2.types import Cloud, check_size

_OP = "score_tokens"
_KEYS = ("image_tokens", "point_tokens", "clouds")


@dataclass(frozen=True, eq=False)
class Tokens:
    """image: (N, layers, h, w, C) and/or point: (N, layers, G, C) with one cloud per sample."""

    image: torch.Tensor | None
    point: torch.Tensor | None
    clouds: list[Cloud]

    @property
    def count(self) -> int:
        """N"""
        given = self.point if self.image is None else self.image
        return 0 if given is None else len(given)

    @property
    def grid(self) -> tuple[int, int] | None:
        """(h, w) of the images."""
        return None if self.image is None else (self.image.shape[2], self.image.shape[3])


NONE = Tokens(None, None, [])


def checked(
    image_tokens: arrays.Array | None, point_tokens: arrays.Array | None, clouds: Sequence[Cloud] | None, of: str = ""
) -> Tokens:
    """The checked tokens of a set; ``of`` is "references: " for that of the references."""
    if image_tokens is None and point_tokens is None:
        _refuse(f"{of}image_tokens or point_tokens", "given", "neither")
    if (point_tokens is None) != (clouds is None):
        _refuse(f"{of}clouds", "given together with point_tokens", "only one of the two")
    image = _values(f"{of}image_tokens", image_tokens, "N, layers, h, w, C")
    point = _values(f"{of}point_tokens", point_tokens, "N, layers, G, C")
    if image is not None and point is not None and image.shape[:2] != point.shape[:2]:
        _refuse(f"{of}point_tokens", f"(N, layers) = {tuple(image.shape[:2])} as image_tokens", tuple(point.shape[:2]))
    found = Tokens(image, point, [] if clouds is None else list(clouds))
    if image is not None and point is not None:
        arrays.together(_OP, **{f"{of}image_tokens": image, f"{of}point_tokens": point})
    if point is not None:
        if len(found.clouds) != len(point):
            _refuse(f"{of}clouds", f"one for each of the {len(point)} samples", len(found.clouds))
        for index, cloud in enumerate(found.clouds):
            if not isinstance(cloud, Cloud):
                _refuse(f"{of}clouds[{index}]", "a musc2.Cloud", type(cloud).__name__)
            if len(cloud.centers) != point.shape[2]:
                _refuse(f"{of}clouds[{index}]", f"of {point.shape[2]} centers as point_tokens", len(cloud.centers))
    return found


def references(given: Mapping[str, Any] | None, samples: Tokens, window: int | None) -> Tokens:
    """The checked references, which must suit the samples; an empty set when there are none."""
    if given is None:
        return NONE
    if not isinstance(given, Mapping) or any(key not in _KEYS for key in given):
        got = list(given) if isinstance(given, Mapping) else type(given).__name__
        _refuse("references", f"a mapping with keys among {', '.join(_KEYS)}", got)
    known = checked(given.get("image_tokens"), given.get("point_tokens"), given.get("clouds"), "references: ")
    for name, theirs, ours in (("image", known.image, samples.image), ("point", known.point, samples.point)):
        if (theirs is None) != (ours is None):
            _refuse(f"references: {name}_tokens", "given exactly when those of the samples are", "only one of the two")
        if theirs is None or ours is None:
            continue
        arrays.together(_OP, **{f"{name}_tokens": ours, f"references: {name}_tokens": theirs})
        if (theirs.shape[1], theirs.shape[-1]) != (ours.shape[1], ours.shape[-1]):
            wanted = f"of {ours.shape[1]} layers and {ours.shape[-1]} channels"
            _refuse(f"references: {name}_tokens", wanted, f"{theirs.shape[1]} and {theirs.shape[-1]}")
        if name == "image" and window is not None and theirs.shape[2:4] != ours.shape[2:4]:
            wanted = f"on the samples' grid {tuple(ours.shape[2:4])} when there is a window"
            _refuse("references: image_tokens", wanted, tuple(theirs.shape[2:4]))
    return known


def map_sizes(samples: Tokens, image_size: tuple[int, int] | None) -> list[tuple[int, int]] | None:
    """(H, W) of each sample's map; None for clouds without pixels, which get no maps."""
    size = None if image_size is None else check_size(_OP, "image_size", image_size)
    sizes = [cloud.size for cloud in samples.clouds if cloud.size is not None]
    if not samples.clouds:
        if size is None:
            _refuse("image_size", "given when there are no clouds", None)
        return [size] * samples.count
    if len(sizes) < len(samples.clouds) and (sizes or samples.image is not None):
        index = next(i for i, cloud in enumerate(samples.clouds) if cloud.size is None)
        wanted = "with pixels and size, as there are image_tokens or other clouds have them"
        _refuse(f"clouds[{index}]", wanted, "neither")
    if size is not None and set(sizes) != {size}:
        _refuse("image_size", "left out or that of all clouds", f"{size} and clouds of {sorted(set(sizes)) or None}")
    return sizes or None


def class_tokens(given: arrays.Array | None, samples: Tokens) -> torch.Tensor | None:
    """(N, C) image-level features, one row per image."""
    if given is not None and samples.image is None:
        _refuse("class_tokens", "given only with image_tokens", "no image_tokens")
    found = _values("class_tokens", given, "N, C")
    if found is not None and len(found) != samples.count:
        _refuse("class_tokens", f"one row for each of the {samples.count} samples", len(found))
    if found is not None and samples.image is not None:
        arrays.together(_OP, image_tokens=samples.image, class_tokens=found)
    return found


def check_together(samples: Tokens, known: Tokens, *, degrees_apart: bool, window: int | None) -> None:
    """What single arguments cannot tell: whether there is anything to compare, and by these settings."""
    name = "point_tokens" if samples.image is None else "image_tokens"
    if samples.count + known.count < 2:
        _refuse(name, "of at least 2 samples when there are no references", samples.count)
    if degrees_apart and samples.point is not None:
        _refuse("point_tokens", "left out when degrees are scored apart (preset musc)", "given")
    if window is not None and samples.image is None:
        _refuse("image_tokens", "given when config.window is", "no image_tokens")


def _values(name: str, value: arrays.Array | None, shape: str) -> torch.Tensor | None:
    if value is None:
        return None
    found = arrays.tensor(_OP, name, value, shape)
    if found.numel() == 0:
        _refuse(name, f"({shape}), not empty", tuple(found.shape))
    return arrays.finite(_OP, name, found)


def _refuse(name: str, wanted: str, got: object) -> NoReturn:
    msg = f"{_OP}: {name} must be {wanted}, got {got}"
    raise InputError(msg)
