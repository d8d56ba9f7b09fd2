"""Encode images and point groups, docs/method/algorithm.md sections 1 and 3."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

import torch

from musc2 import _spill, checks
from musc2.cloud import Cloud
from musc2.encoders import ImageEncoder, ImageTokens, PointEncoder
from musc2.errors import InputError
from musc2.inputs.parts import LoadedPart, OutputSpec
from musc2.ops import Groups
from musc2.progress import StageTimer
from musc2.tokens import Tokens
from musc2.torch_state import eval_mode

_BYTES_PER_PIXEL = 1024  # activations of a large network, ViT-B/8


@dataclass(frozen=True, kw_only=True, eq=False)
class Encoded:
    """The tokens of N parts in each view; outputs: the inputs' sizes and names.

    A view pairs an image encoder with a point encoder: the first with the first and so on; where
    there are fewer of one kind, its first one stands in. With one modality a view is an encoder.
    """

    views: list[Tokens]
    outputs: list[OutputSpec]


def encode(
    parts: Iterable[LoadedPart],
    count: int,
    image_encoders: Sequence[ImageEncoder],
    point_encoders: Sequence[PointEncoder],
    timer: StageTimer,
    *,
    memory: int = 2 << 30,
    batch_size: int = 8,
    device: str = "cpu",
) -> Encoded:
    """Return the tokens, on ``device``, of at most ``count`` parts.

    Images are encoded in batches of up to ``batch_size`` that take about ``memory`` bytes.
    """
    images = [_Rows("image tokens", count, device, memory) for _ in image_encoders]
    classes = [_Rows("class tokens", count, device, memory) for _ in image_encoders]
    points = [_Rows("point tokens", count, device, memory) for _ in point_encoders]
    clouds: list[Cloud] = []
    outputs: list[OutputSpec] = []
    for batch in _batches(parts, memory, batch_size):
        with timer.stage("encode"):
            for index, image_encoder in enumerate(image_encoders):
                encoded = _image_tokens(image_encoder, batch, index)
                images[index].add(encoded.tokens, batch)
                if encoded.class_tokens is not None:
                    classes[index].add(encoded.class_tokens, batch)
            for part in batch:
                if point_encoders and part.cloud is not None and part.groups is not None:
                    for point_encoder, rows in zip(point_encoders, points, strict=True):
                        own = _point_tokens(point_encoder, part, part.cloud, part.groups)
                        rows.add(own[None], [part])
                    clouds.append(part.scored_cloud or part.cloud)
                outputs.append(part.output)
        timer.step("encode", len(outputs), count)
    views: list[Tokens] = []
    for image, point in pairs(len(images), len(points)):
        tokens = Tokens(
            image=None if image is None else images[image].rows(),
            points=None if point is None else points[point].rows(),
            clouds=clouds,
            class_tokens=None if image is None else classes[image].rows(),
        )
        views.append(tokens)
    return Encoded(views=views, outputs=outputs)


def pairs(images: int, points: int) -> list[tuple[int | None, int | None]]:
    """Return the numbers of the image encoder and of the point encoder of each view.

    >>> pairs(2, 1), pairs(1, 0)
    ([(0, 0), (1, 0)], [(0, None)])
    """

    def number(view: int, count: int) -> int | None:
        if count == 0:
            return None
        return view if view < count else 0

    return [(number(view, images), number(view, points)) for view in range(max(images, points))]


def batch_size(device: str) -> int:
    """Return how many images to encode at once; on a CPU more do not help."""
    return 8 if device == "cpu" else 32


def _batches(
    parts: Iterable[LoadedPart], memory: int, batch_size: int
) -> Iterator[list[LoadedPart]]:
    batch: list[LoadedPart] = []
    for part in parts:
        batch.append(part)
        images = part.prepared.images
        pixels = max((image.shape[1] * image.shape[2] for image in images), default=1)
        if not images or len(batch) >= min(batch_size, memory // (pixels * _BYTES_PER_PIXEL)):
            yield batch
            batch = []
    if batch:
        yield batch


def _image_tokens(encoder: ImageEncoder, batch: list[LoadedPart], index: int) -> ImageTokens:
    """Return the tokens of the parts' images as they were prepared for encoder ``index``."""
    images = [part.prepared.images[index] for part in batch]
    for part, image in zip(batch, images, strict=True):
        if image.shape != images[0].shape:
            _refuse_shape(part, "pixels", tuple(image.shape[1:]), tuple(images[0].shape[1:]))
    with eval_mode(encoder):
        returned = encoder.encode(torch.stack(images))
    if not isinstance(returned, ImageTokens):
        expected = "ImageTokens, (B, h, w, C) or (B, layers, h, w, C)"
        _refuse(encoder.name, expected, type(returned).__name__)
    tokens = _floats(encoder.name, returned.tokens, 5, "(B, layers, h, w, C)")
    classes = returned.class_tokens
    if len(tokens) != len(batch):
        _refuse(encoder.name, f"tokens of {len(batch)} images", f"those of {len(tokens)}")
    _check_finite(encoder.name, tokens, batch)
    if classes is not None:
        classes = _floats(encoder.name, classes, 2, "(B, D) of class tokens")
    return ImageTokens(tokens=tokens, class_tokens=classes)


def _point_tokens(
    encoder: PointEncoder, part: LoadedPart, cloud: Cloud, groups: Groups
) -> torch.Tensor:
    with eval_mode(encoder):
        returned = encoder.encode(cloud, groups)
    tokens = _floats(encoder.name, returned, 3, "(G, C) or (layers, G, C)")
    count = len(cloud.centers)
    if tokens.shape[1] != count:
        expected = f"a token for each of the {count} groups"
        _refuse(encoder.name, expected, tokens.shape[1])
    _check_finite(encoder.name, tokens[None], [part])
    return tokens


def _floats(name: str, value: object, rank: int, shape: str) -> torch.Tensor:
    if not isinstance(value, torch.Tensor):
        _refuse(name, f"a tensor {shape}, not empty", type(value).__name__)
    if value.ndim != rank or 0 in value.shape:
        _refuse(name, f"a tensor {shape}, not empty", f"shape {tuple(value.shape)}")
    return value.detach().float()


def _check_finite(name: str, tokens: torch.Tensor, batch: list[LoadedPart]) -> None:
    for values, part in zip(tokens, batch, strict=True):
        if not bool(torch.isfinite(values).all()):
            _refuse(name, "finite tokens", f"NaN or infinity for sample {part.name!r}")


class _Rows:
    """Tensors of one shape, stacked in memory, or a temporary file, that is allocated once."""

    def __init__(self, content: str, count: int, device: str, memory: int) -> None:
        self._content, self._count, self._device = content, count, device
        self._memory = memory
        self._used = 0
        self._store: torch.Tensor | None = None

    def add(self, rows: torch.Tensor, batch: list[LoadedPart]) -> None:
        """Append the rows of a batch of parts, one per part."""
        if self._store is None:
            self._store = _spill.empty(
                (self._count, *rows.shape[1:]),
                memory=self._memory,
                content=f"the {self._content}",
                device=self._device,
            )
        elif rows.shape[1:] != self._store.shape[1:]:
            expected = tuple(self._store.shape[1:])
            _refuse_shape(batch[0], self._content, tuple(rows.shape[1:]), expected)
        self._store[self._used : self._used + len(rows)] = rows.to(self._device)
        self._used += len(rows)

    def rows(self) -> torch.Tensor | None:
        """Return what was added; None when that is nothing."""
        return None if self._store is None else self._store[: self._used]


def _refuse_shape(part: LoadedPart, content: str, shape: object, expected: object) -> NoReturn:
    msg = (
        f"score: sample {part.name!r} must give {content} of the same shape as those before, "
        f"{expected}, got {shape}; "
        'input_resize="square" brings images of any aspect ratio to one size'
    )
    raise InputError(msg)


def _refuse(name: str, expected: str, got: object) -> NoReturn:
    checks.refuse("score", f"the encoder {name}", f"must return {expected}", got)
