"""Encode images and point groups, docs/method/algorithm.md sections 1 and 3."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NoReturn, TypeVar

import torch

from musc2 import _spill, checks
from musc2._transfer import download, upload
from musc2.cloud import Cloud
from musc2.encoders import ImageEncoder, ImageTokens, PointEncoder
from musc2.encoders.contract import BatchPointEncoder
from musc2.errors import DeviceError, InputError
from musc2.inputs._on_gpu import stacked
from musc2.inputs.parts import LoadedPart, OutputSpec
from musc2.progress import StageTimer
from musc2.tokens import Tokens
from musc2.torch_state import eval_mode

T = TypeVar("T")
_MOST_PIECES = 4  # that a batch is cut into
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
    halving = _Halving(memory)
    images = [_Rows("image tokens", count, device, memory) for _ in image_encoders]
    classes = [_Rows("class tokens", count, device, memory) for _ in image_encoders]
    points = [_Rows("point tokens", count, device, memory) for _ in point_encoders]
    clouds: list[Cloud] = []
    outputs: list[OutputSpec] = []
    alone = 1 if not any(map(_takes_batches, point_encoders)) else batch_size
    for batch in _batches(parts, memory, batch_size, alone):
        with timer.stage("encode"):
            checked: list[tuple[str, torch.Tensor]] = []
            for index, image_encoder in enumerate(image_encoders):
                encode_images = partial(_image_tokens, image_encoder, index=index)
                for part, encoded in halving.run(encode_images, batch, image_encoder.name):
                    images[index].add(encoded.tokens, part)
                    checked.append((image_encoder.name, encoded.tokens))
                    if encoded.class_tokens is not None:
                        classes[index].add(encoded.class_tokens, part)
            for point_encoder, rows in zip(point_encoders, points, strict=True):
                encode_points = partial(_point_tokens, point_encoder)
                for part, own in halving.run(encode_points, batch, point_encoder.name):
                    rows.add(own, part)
                    checked.append((point_encoder.name, own))
            _check_finite(checked, batch)
            for sample in batch:
                if point_encoders and sample.cloud is not None:
                    clouds.append(sample.scored_cloud or sample.cloud)
                outputs.append(sample.output)
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
    parts: Iterable[LoadedPart], memory: int, batch_size: int, alone: int
) -> Iterator[list[LoadedPart]]:
    """Yield batches; of parts without images ``alone``."""
    batch: list[LoadedPart] = []
    for part in parts:
        batch.append(part)
        images = part.prepared.images
        pixels = max((image.shape[1] * image.shape[2] for image in images), default=1)
        most = min(batch_size, memory // (pixels * _BYTES_PER_PIXEL)) if images else alone
        if len(batch) >= most:
            yield batch
            batch = []
    if batch:
        yield batch


def _takes_batches(encoder: PointEncoder) -> bool:
    """Return whether an encoder of points works on a GPU, where batches pay."""
    return isinstance(encoder, BatchPointEncoder) and encoder.device.type == "cuda"


def _image_tokens(encoder: ImageEncoder, batch: list[LoadedPart], index: int) -> ImageTokens:
    """Return the tokens of the parts' images as they were prepared for encoder ``index``."""
    images = [part.prepared.images[index] for part in batch]
    for part, image in zip(batch, images, strict=True):
        if image.shape != images[0].shape:
            _refuse_shape(part, "pixels", tuple(image.shape[1:]), tuple(images[0].shape[1:]))
    with eval_mode(encoder):
        returned = encoder.encode(stacked(images))
    if not isinstance(returned, ImageTokens):
        expected = "ImageTokens, (B, h, w, C) or (B, layers, h, w, C)"
        _refuse(encoder.name, expected, type(returned).__name__)
    tokens = _floats(encoder.name, returned.tokens, 5, "(B, layers, h, w, C)")
    classes = returned.class_tokens
    if len(tokens) != len(batch):
        _refuse(encoder.name, f"tokens of {len(batch)} images", f"those of {len(tokens)}")
    if classes is not None:
        classes = _floats(encoder.name, classes, 2, "(B, D) of class tokens")
    return ImageTokens(tokens=tokens, class_tokens=classes)


def _point_tokens(encoder: PointEncoder, batch: list[LoadedPart]) -> torch.Tensor:
    """Return the tokens (B, layers, G, C) of the parts' groups."""
    clouds = [part.cloud for part in batch if part.cloud is not None]
    groups = [part.groups for part in batch if part.groups is not None]
    count = len(clouds[0].centers)
    is_one_count = all(len(cloud.centers) == count for cloud in clouds)
    if isinstance(encoder, BatchPointEncoder) and _takes_batches(encoder) and is_one_count:
        with eval_mode(encoder):
            returned = encoder.encode_batch(clouds, groups)
        return _floats(encoder.name, returned, 4, "(B, layers, G, C)")
    rows: list[torch.Tensor] = []
    for part, cloud, own in zip(batch, clouds, groups, strict=True):
        with eval_mode(encoder):
            returned = encoder.encode(cloud, own)
        tokens = _floats(encoder.name, returned, 3, "(G, C) or (layers, G, C)")
        if tokens.shape[1] != len(cloud.centers):
            expected = f"a token for each of the {len(cloud.centers)} groups"
            _refuse(encoder.name, expected, tokens.shape[1])
        if rows and tokens.shape != rows[0].shape:
            expected_shape = tuple(rows[0].shape)
            _refuse_shape(part, "point tokens", tuple(tokens.shape), expected_shape)
        rows.append(tokens)
    return rows[0][None] if len(rows) == 1 else torch.stack(rows)


def _floats(name: str, value: object, rank: int, shape: str) -> torch.Tensor:
    if not isinstance(value, torch.Tensor):
        _refuse(name, f"a tensor {shape}, not empty", type(value).__name__)
    if value.ndim != rank or 0 in value.shape:
        _refuse(name, f"a tensor {shape}, not empty", f"shape {tuple(value.shape)}")
    return value.detach().float()


def _check_finite(checked: list[tuple[str, torch.Tensor]], batch: list[LoadedPart]) -> None:
    """Raise unless all tokens of a batch are finite; a GPU is waited for once."""
    flags = download(*[tokens.isfinite().flatten(1).all(1) for _, tokens in checked])
    number = 0
    for (name, _), finite in zip(checked, flags, strict=True):
        for is_finite in finite.tolist():
            part = batch[number % len(batch)]  # the parts come once for each encoder
            if not is_finite:
                _refuse(name, "finite tokens", f"NaN or infinity for sample {part.name!r}")
            number += 1


class _Halving:
    """Encode batches, in halves or quarters of them once a GPU had no memory for more."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._pieces = 1

    def run(
        self, encode: Callable[[list[LoadedPart]], T], batch: list[LoadedPart], name: str
    ) -> list[tuple[list[LoadedPart], T]]:
        """Return the pieces of a batch with their tokens."""
        while True:
            step = -(-len(batch) // self._pieces)
            pieces = [batch[start : start + step] for start in range(0, len(batch), step)]
            try:
                return [(piece, encode(piece)) for piece in pieces]
            except torch.cuda.OutOfMemoryError as error:
                torch.cuda.empty_cache()
                if self._pieces == _MOST_PIECES or step == 1:
                    raise self._error(name, step) from error
                self._pieces *= 2

    def _error(self, name: str, step: int) -> DeviceError:
        parts = "a single part" if step == 1 else f"{step} parts at once"
        return DeviceError(
            f"score: the GPU has no memory for {parts} in the encoder {name}; lower "
            f"config.memory, which is {self._memory}, or config.input_size, or pass "
            'device="cpu"'
        )


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
        self._store[self._used : self._used + len(rows)] = upload(rows, self._device)
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
