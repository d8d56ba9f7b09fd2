"""The encoders of a call: named or passed as objects; see ``auto`` for "auto"."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch

from musc2 import checks, encoders
from musc2.by_modality import ByModality
from musc2.cloud import Cloud
from musc2.config import Config
from musc2.encoders import custom
from musc2.encoders.auto import resolve_auto
from musc2.encoders.contract import (
    BlockEncoder,
    ImageEncoder,
    Modality,
    NormEncoder,
    PointEncoder,
    RuntimeEncoder,
    TokenDefaults,
    usable_device,
)

DEFAULT_SIZE = 224
_KINDS: dict[Modality, str] = {"image": "images", "points": "points"}
_COMMON = ("name", "modality", "token_defaults", "learns", "fit", "encode", "state", "restore")
_REQUIRED: dict[Modality, tuple[str, ...]] = {
    "image": (*_COMMON, "size", "resample", "patch"),
    "points": _COMMON,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class SizedEncoder:
    """An image encoder; ``size``, the side of its images, precedes the settings' and its own."""

    encoder: ImageEncoder
    size: int | None = None

    @property
    def name(self) -> str:
        """Return NAME, or NAME@SIZE if there is a size."""
        return self.encoder.name if self.size is None else f"{self.encoder.name}@{self.size}"

    def input_size(self, size: int | None) -> int:
        """Return the side that images are resized to; ``size`` is that of the settings."""
        patch, own = self.encoder.patch, self.encoder.name
        side = self.size or size or self.encoder.size
        if side % patch and self.size is not None:
            requirement = f"must have a size that is a multiple of {patch} with {own}"
            checks.refuse("score", "encoder_2d", requirement, repr(self.name))
        if side % patch:
            requirement = f"must be a multiple of {patch} with {own}"
            checks.refuse("score", "config.input_size", requirement, side)
        return side


@dataclass(frozen=True, kw_only=True, eq=False)
class Encoders:
    """The encoders of the modalities in use, and the device of what follows them."""

    images: tuple[SizedEncoder, ...]
    points: tuple[PointEncoder, ...]
    device: str

    def names(self) -> dict[str, str]:
        """Return "2d" and "3d" -> the encoder's name, several with commas between them."""
        names = {}
        if self.images:
            names["2d"] = ",".join(image.name for image in self.images)
        if self.points:
            names["3d"] = ",".join(encoder.name for encoder in self.points)
        return names

    def runtimes(self) -> dict[str, str]:
        """Return "2d" and "3d" -> what runs the networks among the encoders."""
        of_modality: dict[str, list[Any]] = {
            "2d": [image.encoder for image in self.images],
            "3d": list(self.points),
        }
        runtimes: dict[str, str] = {}
        for key, own in of_modality.items():
            names = [encoder.runtime for encoder in own if isinstance(encoder, RuntimeEncoder)]
            if names:
                runtimes[key] = ",".join(sorted(set(names)))
        return runtimes

    def token_defaults(
        self, config: Config, pairs: Iterable[tuple[int | None, int | None]]
    ) -> list[ByModality[TokenDefaults]]:
        """Return the token defaults of each pair of encoders, with what ``config`` sets."""
        defaults: list[ByModality[TokenDefaults]] = []
        for image, points in pairs:
            own_2d, own_3d = None, None
            if image is not None:
                own_2d = self.images[image].encoder.token_defaults.override(config)
            if points is not None:
                own_3d = self.points[points].token_defaults.override(config)
            defaults.append(ByModality(own_2d, own_3d))
        return defaults

    def fitted(
        self,
        images: Callable[[int], Sequence[torch.Tensor]],
        clouds: Callable[[], Sequence[Cloud]],
        seed: int,
    ) -> Encoders:
        """Return the encoders, learners as copies that are fitted to the set.

        ``images`` of an encoder's number and ``clouds`` return the set's samples; each is called
        only if an encoder learns from it.
        """
        fitted_images = list(self.images)
        for number, image in enumerate(self.images):
            if image.encoder.learns:
                encoder = copy.deepcopy(image.encoder)
                encoder.fit(images(number), seed=seed)
                fitted_images[number] = replace(image, encoder=encoder)
        fitted_points = list(self.points)
        for number, points in enumerate(self.points):
            if points.learns:
                fitted_points[number] = copy.deepcopy(points)
                fitted_points[number].fit(clouds(), seed=seed)
        return replace(self, images=tuple(fitted_images), points=tuple(fitted_points))

    def input_sizes(self, size: int | None) -> list[int]:
        """Return the side of images for each image encoder; the first is also that of maps."""
        if not self.images:
            return [size or DEFAULT_SIZE]
        return [image.input_size(size) for image in self.images]


def select(
    encoder_2d: object,
    encoder_3d: object,
    config: Config,
    device: str,
    *,
    images: bool,
    points: bool,
    stacklevel: int = 2,
) -> Encoders:
    """Return the encoders that the arguments stand for, of the modalities in use."""
    if not images:
        encoder_2d = None
    if not points:
        encoder_3d = None
    encoder_2d, encoder_3d = resolve_auto(encoder_2d, encoder_3d, stacklevel=stacklevel + 1)
    usable = str(usable_device("score", device))
    chosen_images: list[SizedEncoder] = []
    chosen_points: list[PointEncoder] = []
    if images:
        loaded: dict[str, ImageEncoder] = {}
        for item in listed("encoder_2d", encoder_2d):
            name, size = split_size(item)
            encoder = loaded.get(name) if isinstance(name, str) else None
            if encoder is None:
                encoder = image_encoder(name, usable, config)
            if isinstance(name, str):
                loaded[name] = encoder
            chosen_images.append(SizedEncoder(encoder=encoder, size=size))
    if points:
        for item in listed("encoder_3d", encoder_3d):
            chosen_points.append(point_encoder(item, usable, config))
    return Encoders(images=tuple(chosen_images), points=tuple(chosen_points), device=usable)


def listed(argument: str, encoders_given: object) -> list[object]:
    """Return the encoders of an argument: one of them, a list, or names with commas."""
    items: list[object] = [encoders_given]
    if isinstance(encoders_given, list | tuple):
        items = list(encoders_given)
    elif isinstance(encoders_given, str) and not Path(encoders_given).expanduser().exists():
        items = [name.strip() for name in encoders_given.split(",")]
    if not items:
        checks.refuse("score", argument, "must name at least one encoder", "none")
    return items


def with_loaded(
    encoders_given: object, name: str, encoder: ImageEncoder | PointEncoder
) -> list[object]:
    """Return the encoders of an argument with ``name``, also NAME@SIZE, as a loaded encoder."""
    items: list[object] = []
    used = False
    for item in listed("encoder", encoders_given):
        own, size = split_size(item)
        used = used or own == name
        if own != name:
            items.append(item)
        elif encoder.modality == "image":
            items.append(SizedEncoder(encoder=cast(ImageEncoder, encoder), size=size))
        else:
            items.append(encoder)
    if not used:
        checks.refuse("score", "weights", "must be of an encoder that is used", repr(name))
    return items


def split_size(encoder: object) -> tuple[object, int | None]:
    """Return NAME and SIZE of "NAME@SIZE"; anything but a SizedEncoder has no size.

    >>> split_size("efficientnet-lite0@448")
    ('efficientnet-lite0', 448)
    """
    if isinstance(encoder, SizedEncoder):
        return encoder.encoder, encoder.size
    if not isinstance(encoder, str) or Path(encoder).expanduser().exists():
        return encoder, None
    parts = re.fullmatch(r"(.+)@([1-9]\d*)", encoder)
    return (encoder, None) if parts is None else (parts[1], int(parts[2]))


def image_encoder(encoder: object, device: str, config: Config) -> ImageEncoder:
    """Return the image encoder that a name, an encoder or a callable stands for."""
    layers, final_norm = config.encoder_layers, config.encoder_final_norm
    if isinstance(encoder, str):
        candidate = _named(encoder, device, config)
    elif callable(encoder) and not hasattr(encoder, "encode"):
        candidate = custom.image_encoder(encoder, DEFAULT_SIZE)
    else:
        candidate = encoder
    _check("encoder_2d", candidate, "image")
    chosen = cast(ImageEncoder, candidate)
    if final_norm is not None:
        if not isinstance(candidate, NormEncoder):
            requirement = f"must be None with {chosen.name}, which has no final norm"
            checks.refuse("score", "config.encoder_final_norm", requirement, final_norm)
        candidate = chosen = candidate.with_final_norm(final_norm)
    if layers is None:
        return chosen
    if not isinstance(candidate, BlockEncoder):
        requirement = f"must be None with {chosen.name}, which has no blocks to choose"
        checks.refuse("score", "config.encoder_layers", requirement, tuple(layers))
    return candidate.with_blocks(tuple(layers))


def point_encoder(encoder: object, device: str, config: Config) -> PointEncoder:
    """Return the point encoder that a name, an encoder or a callable stands for."""
    if isinstance(encoder, str):
        candidate = _named(encoder, device, config)
    elif callable(encoder) and not hasattr(encoder, "encode"):
        candidate = custom.point_encoder(encoder)
    else:
        candidate = encoder
    _check("encoder_3d", candidate, "points")
    return cast(PointEncoder, candidate)


def _named(name: str, device: str, config: Config) -> object:
    """Return the encoder of a name, shared with other calls."""
    precision, runtime = config.encoder_precision, config.encoder_runtime
    return encoders.shared(name, device=device, precision=precision, runtime=runtime)


def _check(argument: str, encoder: object, modality: Modality) -> None:
    """Raise unless ``encoder`` has the members of an encoder of this modality."""
    if not hasattr(encoder, "encode"):
        requirement = "must be the name of an encoder, an encoder or a callable"
        checks.refuse("score", argument, requirement, type(encoder).__name__)
    kind = _KINDS[modality]
    own = getattr(encoder, "modality", modality)
    if own != modality:
        got = f"{getattr(encoder, 'name', type(encoder).__name__)}, one of {_KINDS.get(own, own)}"
        checks.refuse("score", argument, f"must be an encoder of {kind}", got)
    missing = [name for name in _REQUIRED[modality] if not hasattr(encoder, name)]
    if missing:
        got = f"{type(encoder).__name__} without {', '.join(missing)}"
        checks.refuse("score", argument, f"must have all members of an encoder of {kind}", got)
