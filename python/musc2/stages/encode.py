"""Tokens of images and point groups, ALGORITHM.md §1 and §3."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import torch

from musc2.encoders import ImageEncoder, ImageTokens, PointEncoder
from musc2.errors import InputError
from musc2.ops import Groups
from musc2.parts import Origin, Part
from musc2.progress import Progress
from musc2.types import Cloud

_BYTES_PER_PIXEL = 1024  # what a large network, ViT-B/8, takes for its activations


@dataclass(frozen=True, kw_only=True, eq=False)
class Encoded:
    """image: (N, layers, h, w, C), classes: (N, D), point: (N, layers, G, C) float32, with N clouds."""

    image: torch.Tensor | None
    classes: torch.Tensor | None
    point: torch.Tensor | None
    clouds: list[Cloud]
    origins: list[Origin]


def encode(
    parts: Iterable[Part],
    count: int,
    image_encoder: ImageEncoder | None,
    point_encoder: PointEncoder | None,
    progress: Progress,
    *,
    memory: int = 2 << 30,
    most: int = 8,
    device: str = "cpu",
) -> Encoded:
    """The tokens, on ``device``, of at most ``count`` parts, images in batches of up to ``most`` that take about
    ``memory`` bytes."""
    image, classes, point = (_Rows(f"{what} tokens", count, device) for what in ("image", "class", "point"))
    clouds: list[Cloud] = []
    origins: list[Origin] = []
    for batch in _batches(parts, memory, most):
        with progress("encode"):
            if image_encoder is not None:
                found = _image_tokens(image_encoder, batch)
                for index, part in enumerate(batch):
                    image.add(found.tokens[index], part)
                    if found.class_tokens is not None:
                        classes.add(found.class_tokens[index], part)
            for part in batch:
                if point_encoder is not None and part.cloud is not None and part.groups is not None:
                    point.add(_point_tokens(point_encoder, part, part.cloud, part.groups), part)
                    clouds.append(part.cloud)
                origins.append(part.origin)
        progress.step("encode", len(origins), count)
    return Encoded(
        image=image.rows(),
        classes=classes.rows(),
        point=point.rows(),
        clouds=clouds,
        origins=origins,
    )


def _batches(parts: Iterable[Part], memory: int, most: int) -> Iterator[list[Part]]:
    batch: list[Part] = []
    for part in parts:
        batch.append(part)
        image = part.prepared.image
        pixels = 1 if image is None else image.shape[1] * image.shape[2]
        if image is None or len(batch) >= min(most, memory // (pixels * _BYTES_PER_PIXEL)):
            yield batch
            batch = []
    if batch:
        yield batch


def most(device: str) -> int:
    """Images that go into an encoder at once; on a CPU more do not help."""
    return 8 if device == "cpu" else 32


def _image_tokens(encoder: ImageEncoder, batch: list[Part]) -> ImageTokens:
    images = [part.prepared.image for part in batch if part.prepared.image is not None]
    for part, image in zip(batch, images, strict=True):
        if image.shape != images[0].shape:
            _refuse_shape(part, "pixels", tuple(image.shape[1:]), tuple(images[0].shape[1:]))
    found = encoder.encode(torch.stack(images))
    if not isinstance(found, ImageTokens):
        _refuse(encoder.name, "ImageTokens, (B, h, w, C) or (B, layers, h, w, C)", type(found).__name__)
    tokens, classes = _floats(encoder.name, found.tokens, 5, "(B, layers, h, w, C)"), found.class_tokens
    if len(tokens) != len(batch):
        _refuse(encoder.name, f"tokens of {len(batch)} images", f"those of {len(tokens)}")
    _check_finite(encoder.name, tokens, batch)
    if classes is not None:
        classes = _floats(encoder.name, classes, 2, "(B, D) of class tokens")
    return ImageTokens(tokens=tokens, class_tokens=classes)


def _point_tokens(encoder: PointEncoder, part: Part, cloud: Cloud, groups: Groups) -> torch.Tensor:
    tokens = _floats(encoder.name, encoder.encode(cloud, groups), 3, "(G, C) or (layers, G, C)")
    if tokens.shape[1] != len(cloud.centers):
        _refuse(encoder.name, f"a token for each of the {len(cloud.centers)} groups", tokens.shape[1])
    _check_finite(encoder.name, tokens[None], [part])
    return tokens


def _floats(name: str, value: object, rank: int, shape: str) -> torch.Tensor:
    if not isinstance(value, torch.Tensor) or value.ndim != rank or 0 in value.shape:
        got = f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
        _refuse(name, f"a tensor {shape}, not empty", got)
    return value.detach().float()


def _check_finite(name: str, tokens: torch.Tensor, batch: list[Part]) -> None:
    for values, part in zip(tokens, batch, strict=True):
        if not bool(torch.isfinite(values).all()):
            _refuse(name, "finite tokens", f"NaN or infinity for sample {part.prepared.sample.name!r}")


@dataclass(eq=False)
class _Rows:
    """Tensors of one shape under each other, in memory that is taken once."""

    what: str
    count: int
    device: str
    used: int = 0
    store: torch.Tensor | None = field(default=None)

    def add(self, row: torch.Tensor, part: Part) -> None:
        if self.store is None:
            self.store = torch.empty(self.count, *row.shape, device=self.device)
        elif row.shape != self.store.shape[1:]:
            _refuse_shape(part, self.what, tuple(row.shape), tuple(self.store.shape[1:]))
        self.store[self.used] = row.to(self.device)
        self.used += 1

    def rows(self) -> torch.Tensor | None:
        return None if self.store is None else self.store[: self.used]


def _refuse_shape(part: Part, what: str, shape: object, first: object) -> NoReturn:
    name = part.prepared.sample.name
    msg = (
        f"score: sample {name!r} must give {what} of the same shape as those before, {first}, got {shape}; "
        'resize="square" brings images of any aspect ratio to one size'
    )
    raise InputError(msg)


def _refuse(name: str, wanted: str, got: object) -> NoReturn:
    msg = f"score: the encoder {name} must return {wanted}, got {got}"
    raise InputError(msg)
