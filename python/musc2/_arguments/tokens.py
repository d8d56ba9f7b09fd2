"""Argument checks of ``score_tokens``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import torch

from musc2 import checks
from musc2._arguments.samples import REFERENCES, check_mapping
from musc2.cloud import Cloud
from musc2.config import Config
from musc2.errors import InputError
from musc2.maps import Frame
from musc2.ops._support import arrays
from musc2.tokens import Tokens

OP = "score_tokens"
_KEYS = ("image_tokens", "point_tokens", "clouds")


def check_tokens(
    image_tokens: arrays.Array | None,
    point_tokens: arrays.Array | None,
    clouds: Sequence[Cloud] | None,
    prefix: str = "",
) -> Tokens:
    """Return the checked tokens of a set; ``prefix`` is "references: " for those of references."""
    if image_tokens is None and point_tokens is None:
        _refuse(f"{prefix}image_tokens or point_tokens", "given", "neither")
    if (point_tokens is None) != (clouds is None):
        _refuse(f"{prefix}clouds", "given together with point_tokens", "only one of the two")
    image_name, points_name = f"{prefix}image_tokens", f"{prefix}point_tokens"
    image = _check_values(image_name, image_tokens, "N, layers, h, w, C")
    points = _check_values(points_name, point_tokens, "N, layers, G, C")
    if image is not None and points is not None:
        if image.shape[:2] != points.shape[:2]:
            requirement = f"(N, layers) = {tuple(image.shape[:2])} as image_tokens"
            _refuse(points_name, requirement, tuple(points.shape[:2]))
        arrays.check_same_device(OP, **{image_name: image, points_name: points})
    listed = [] if clouds is None else list(clouds)
    if points is not None:
        _check_clouds(f"{prefix}clouds", listed, points)
    return Tokens(image=image, points=points, clouds=listed)


def check_references(
    references: Mapping[str, Any] | None, samples: Tokens, config: Config
) -> Tokens:
    """Return the checked references, which must suit the samples; no tokens if there are none."""
    if references is None:
        return Tokens()
    check_mapping(OP, references, _KEYS)
    image, points = references.get("image_tokens"), references.get("point_tokens")
    checked = check_tokens(image, points, references.get("clouds"), REFERENCES)
    pairs = (
        ("image_tokens", checked.image, samples.image),
        ("point_tokens", checked.points, samples.points),
    )
    for name, reference, own in pairs:
        reference_name = f"{REFERENCES}{name}"
        if (reference is None) != (own is None):
            requirement = "given exactly when those of the samples are"
            _refuse(reference_name, requirement, "only one of the two")
        if reference is None or own is None:
            continue
        arrays.check_same_device(OP, **{name: own, reference_name: reference})
        if (reference.shape[1], reference.shape[-1]) != (own.shape[1], own.shape[-1]):
            requirement = f"of {own.shape[1]} layers and {own.shape[-1]} channels"
            _refuse(reference_name, requirement, f"{reference.shape[1]} and {reference.shape[-1]}")
    if config.window is not None and checked.grid != samples.grid:
        requirement = f"on the samples' grid {samples.grid} when there is a search_window"
        _refuse(f"{REFERENCES}image_tokens", requirement, checked.grid)
    return checked


def check_frames(samples: Tokens, image_size: tuple[int, int] | None) -> list[Frame] | None:
    """Return the size of each sample's map; None for clouds without pixels, which have no maps."""
    size = None if image_size is None else checks.size(OP, "image_size", image_size)
    if not samples.clouds:
        if size is None:
            _refuse("image_size", "given when there are no clouds", None)
        return [Frame(working=size, input=size)] * samples.count
    sizes = [cloud.size for cloud in samples.clouds if cloud.size is not None]
    if len(sizes) < len(samples.clouds) and (sizes or samples.image is not None):
        without = [index for index, cloud in enumerate(samples.clouds) if cloud.size is None]
        requirement = "with pixels and size, as there are image_tokens or other clouds have them"
        _refuse(f"clouds[{without[0]}]", requirement, "neither")
    if size is not None and set(sizes) != {size}:
        got = f"{size} and clouds of {sorted(set(sizes)) or None}"
        _refuse("image_size", "left out or that of all clouds", got)
    return [Frame(working=size, input=size) for size in sizes] or None


def check_class_tokens(class_tokens: arrays.Array | None, samples: Tokens) -> torch.Tensor | None:
    """Return image-level features (N, C), one row per image."""
    if class_tokens is None:
        return None
    if samples.image is None:
        _refuse("class_tokens", "given only with image_tokens", "no image_tokens")
    checked = _check_values("class_tokens", class_tokens, "N, C")
    if checked is not None:
        if len(checked) != samples.count:
            requirement = f"one row for each of the {samples.count} samples"
            _refuse("class_tokens", requirement, len(checked))
        arrays.check_same_device(OP, image_tokens=samples.image, class_tokens=checked)
    return checked


def check_together(samples: Tokens, references: Tokens, config: Config) -> None:
    """Check constraints that involve several arguments."""
    if samples.count + references.count < 2:
        name = "point_tokens" if samples.image is None else "image_tokens"
        requirement = "of at least 2 samples when there are no references"
        _refuse(name, requirement, samples.count)
    if config.aggregate_separately and samples.points is not None:
        advice = "is for images only; leave out point_tokens"
        msg = f"{OP}: config.aggregate_separately (preset musc) {advice}"
        raise InputError(msg)
    if config.window is not None and samples.image is None:
        _refuse("image_tokens", "given when config.search_window is", "no image_tokens")


def check_names(names: Sequence[str] | None, count: int) -> list[str]:
    """Return one name per sample, the positions if there are none."""
    if names is None:
        return [str(index) for index in range(count)]
    return checks.names(OP, names, count)


def _check_clouds(name: str, clouds: Sequence[object], points: torch.Tensor) -> None:
    if len(clouds) != len(points):
        _refuse(name, f"one for each of the {len(points)} samples", len(clouds))
    for index, cloud in enumerate(clouds):
        if not isinstance(cloud, Cloud):
            _refuse(f"{name}[{index}]", "a musc2.Cloud", type(cloud).__name__)
        if len(cloud.centers) != points.shape[2]:
            requirement = f"of {points.shape[2]} centers as point_tokens"
            _refuse(f"{name}[{index}]", requirement, len(cloud.centers))


def _check_values(name: str, value: arrays.Array | None, shape: str) -> torch.Tensor | None:
    if value is None:
        return None
    tensor = arrays.tensor(OP, name, value, shape)
    if tensor.numel() == 0:
        _refuse(name, f"({shape}), not empty", tuple(tensor.shape))
    return arrays.finite(OP, name, tensor)


def _refuse(name: str, requirement: str, got: object) -> NoReturn:
    checks.refuse(OP, name, f"must be {requirement}", got)
