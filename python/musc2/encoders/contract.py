"""The protocols of encoders, and the checks that encoders share."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import torch

from musc2.cloud import Cloud
from musc2.config import Config
from musc2.errors import DeviceError, InputError
from musc2.ops import Groups
from musc2.ops._support import dispatch

Modality = Literal["image", "points"]
PRECISIONS = ("float32", "bfloat16", "float16", "auto")


@dataclass(frozen=True, kw_only=True)
class TokenDefaults:
    """Recommended normalization, aggregation and re-scoring for an encoder's tokens.

    A Config can override each of them.
    """

    normalize: bool  # scale features to length 1
    degrees: tuple[int, ...]  # of the neighborhood aggregation; (1,) is none
    rescore: bool = True  # whether salient tokens tell which samples are alike

    def override(self, config: Config) -> TokenDefaults:
        """Return the defaults with the fields that ``config`` sets."""
        normalize, degrees = config.aggregate_normalize, config.aggregate_degrees
        return TokenDefaults(
            normalize=self.normalize if normalize is None else normalize,
            degrees=self.degrees if degrees is None else degrees,
            rescore=self.rescore if config.rescore is None else config.rescore,
        )


PUBLISHED_DEFAULTS = TokenDefaults(normalize=True, degrees=(1, 3, 5))
"""Of the published methods; they hold for networks, callables and tokens of your own."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageTokens:
    """tokens: (B, layers, h, w, C) float32; class_tokens: (B, D) float32 or None, one per image."""

    tokens: torch.Tensor
    class_tokens: torch.Tensor | None = None


class Pretrained:
    """What networks and callables share: nothing to learn."""

    learns = False

    def fit(self, samples: Sequence[Any], *, seed: int = 0) -> None:
        """Do nothing."""

    def state(self) -> dict[str, torch.Tensor]:
        """Return nothing."""
        return {}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Do nothing."""


class Encoder(Protocol):
    """What image and point encoders have in common.

    An encoder that ``learns`` from the unlabelled set is copied before ``score`` calls ``fit``, so an
    object that a user passes never changes.
    """

    @property
    def name(self) -> str:
        """The name in results and errors."""

    @property
    def modality(self) -> Modality:
        """ "image" or "points"."""

    @property
    def token_defaults(self) -> TokenDefaults:
        """How its tokens are best compared."""

    @property
    def learns(self) -> bool:
        """Whether ``fit`` learns from the set; ``score`` never calls it for networks."""

    def state(self) -> dict[str, torch.Tensor]:
        """Return what ``fit`` learned; empty for networks."""

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Set what ``state`` returned, instead of calling ``fit``."""


class ImageEncoder(Encoder, Protocol):
    """Turns images into tokens."""

    @property
    def size(self) -> int:
        """The side in pixels that images are resized to unless the user sets one."""

    @property
    def resample(self) -> str:
        """The interpolation: "bicubic" or "bilinear"."""

    @property
    def patch(self) -> int:
        """The number that both sides of an image must be a multiple of."""

    def fit(self, images: Sequence[torch.Tensor], *, seed: int = 0) -> None:
        """images: (3, H, W) float32 in [0, 1] each. Learn from the unlabelled set."""

    def encode(self, images: torch.Tensor) -> ImageTokens:
        """images: (B, 3, H, W) float32 in [0, 1]; mean and deviation are applied here."""


@runtime_checkable
class BlockEncoder(Protocol):
    """An image encoder whose tokens come from chosen blocks of a network."""

    @property
    def blocks(self) -> tuple[int, ...]:
        """The blocks, counted from 0, rising."""

    def with_blocks(self, blocks: tuple[int, ...]) -> ImageEncoder:
        """Return a variant that takes its tokens from other blocks and shares the weights."""


class PointEncoder(Encoder, Protocol):
    """Turns the point groups of a cloud into tokens."""

    def fit(self, clouds: Sequence[Cloud], *, seed: int = 0) -> None:
        """Learn from the unlabelled set."""

    def encode(self, cloud: Cloud, groups: Groups) -> torch.Tensor:
        """cloud and ``group_points(cloud.points, cloud.centers)`` -> (layers, G, C) float32.

        The groups are on the GPU when ``score`` works on one.
        """


def check_images(op: str, images: torch.Tensor, patch: int) -> torch.Tensor:
    """``images`` unchanged, when they are (B, 3, H, W) finite float32 with sides that whole patches fill."""
    if not isinstance(images, torch.Tensor) or images.dtype != torch.float32:
        got = str(images.dtype) if isinstance(images, torch.Tensor) else type(images).__name__
        msg = f"{op}: images must be a float32 tensor, got {got}"
        raise InputError(msg)
    if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape:
        msg = f"{op}: images must have shape (B, 3, H, W), got {tuple(images.shape)}"
        raise InputError(msg)
    if images.shape[2] % patch or images.shape[3] % patch:
        msg = f"{op}: images must have sides that are multiples of {patch}, got {tuple(images.shape[2:])}"
        raise InputError(msg)
    if not bool(torch.isfinite(images).all()):
        msg = f"{op}: images must be finite, got NaN or infinity"
        raise InputError(msg)
    return images


def check_groups(op: str, cloud: Cloud, groups: Groups) -> None:
    """The groups are those of the cloud's centers."""
    if groups.neighborhood.ndim != 3 or len(groups.neighborhood) != len(cloud.centers):
        msg = (
            f"{op}: groups must be those of the cloud's {len(cloud.centers)} centers, "
            f"got a neighborhood of shape {tuple(groups.neighborhood.shape)}"
        )
        raise InputError(msg)


def usable_device(op: str, device: str | torch.device) -> torch.device:
    """``device`` as torch knows it, "auto" as CUDA where there is one; an error where it cannot be used."""
    if str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        msg = f'{op}: device must be "auto", "cpu", "cuda" or "cuda:N", got {device!r}'
        raise InputError(msg) from None
    if found.type not in ("cpu", "cuda"):
        msg = f'{op}: device must be "auto", "cpu", "cuda" or "cuda:N", got {device!r}'
        raise InputError(msg)
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        msg = f"{op}: device is {device}, and torch sees {torch.cuda.device_count()} CUDA devices"
        raise DeviceError(msg)
    return found


def chosen_precision(op: str, precision: str, device: torch.device) -> torch.dtype:
    """The type that matrix products are computed in. "auto" takes a half type only where the hardware has it."""
    if precision not in PRECISIONS:
        msg = f"{op}: precision must be one of {', '.join(PRECISIONS)}, got {precision!r}"
        raise InputError(msg)
    if precision != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[
            precision
        ]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if dispatch.isa() == "avx512bf16" else torch.float32


def computing_in(
    dtype: torch.dtype, device: torch.device
) -> contextlib.AbstractContextManager[object]:
    """A context in which matrix products are computed in ``dtype``; norms and sums stay float32."""
    if dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=dtype)
