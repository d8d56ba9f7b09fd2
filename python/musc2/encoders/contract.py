"""What an encoder is: the protocols that built-in and custom encoders keep, and the checks that they share."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from musc2.errors import DeviceError, InputError
from musc2.ops import Groups, native
from musc2.types import Cloud

PRECISIONS = ("float32", "bfloat16", "float16", "auto")


@dataclass(frozen=True, kw_only=True)
class Matching:
    """How the tokens of an encoder want to be matched; a Config can say otherwise."""

    normalize: bool  # L2
    degrees: tuple[int, ...]  # of the neighbourhood aggregation; (1,) is none
    rescore: bool = True  # whether samples whose most anomalous tokens are alike lend each other their scores


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageTokens:
    """tokens: (B, layers, h, w, C) float32; class_tokens: (B, D) float32 or None, one feature per image."""

    tokens: torch.Tensor
    class_tokens: torch.Tensor | None


class Encoder(Protocol):
    """What image and point encoders have in common."""

    @property
    def name(self) -> str: ...

    @property
    def matching(self) -> Matching: ...

    def state(self) -> dict[str, torch.Tensor]:
        """What ``fit`` learned; empty for networks."""

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Takes back what ``state`` gave, instead of ``fit``."""


class ImageEncoder(Encoder, Protocol):
    """Turns images into tokens."""

    @property
    def size(self) -> int:
        """The side in pixels that images are resized to unless the user says otherwise."""

    @property
    def resample(self) -> str:
        """How they are resized: "bicubic" or "bilinear"."""

    def fit(self, images: Sequence[torch.Tensor], *, seed: int = 0) -> None:
        """images: (3, H, W) float32 in [0, 1] each. Learns from the unlabelled set; nothing to do for networks."""

    def encode(self, images: torch.Tensor) -> ImageTokens:
        """images: (B, 3, H, W) float32 in [0, 1]; the encoder itself applies its mean and deviation."""


class PointEncoder(Encoder, Protocol):
    """Turns the point groups of a cloud into tokens."""

    def fit(self, clouds: Sequence[Cloud], *, seed: int = 0) -> None:
        """Learns from the unlabelled set; nothing to do for networks."""

    def encode(self, cloud: Cloud, groups: Groups) -> torch.Tensor:
        """cloud and its groups, ``musc2.ops.group_points(cloud.points, cloud.centers)`` -> (layers, G, C) float32.

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
    if groups.neighbourhood.ndim != 3 or len(groups.neighbourhood) != len(cloud.centers):
        msg = (
            f"{op}: groups must be those of the cloud's {len(cloud.centers)} centers, "
            f"got a neighbourhood of shape {tuple(groups.neighbourhood.shape)}"
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
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[precision]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if native.isa() == "avx512bf16" else torch.float32


def computing_in(dtype: torch.dtype, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """A context in which matrix products are computed in ``dtype``; norms and sums stay float32."""
    if dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=dtype)
