"""Encoders of your own: a plain callable is enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from musc2.encoders.contract import ImageTokens, Matching
from musc2.errors import InputError
from musc2.ops import Groups
from musc2.types import Cloud

MATCHING = Matching(normalize=True, degrees=(1, 3, 5))


@dataclass(frozen=True, kw_only=True, eq=False)
class CustomEncoder:
    """What a callable lacks to be an encoder. Its own attributes of these names come before the defaults."""

    name: str
    matching: Matching

    def fit(self, parts: Sequence[Any], *, seed: int = 0) -> None:
        """Nothing to learn."""

    def state(self) -> dict[str, torch.Tensor]:
        """Nothing was learned."""
        return {}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Nothing to take back."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CustomImageEncoder(CustomEncoder):
    """Calls ``function`` with images (B, 3, H, W) in [0, 1]; it gives (B, h, w, C), (B, layers, h, w, C) or
    ImageTokens."""

    function: Callable[[torch.Tensor], torch.Tensor | ImageTokens]
    size: int
    resample: str
    patch: int

    def encode(self, images: torch.Tensor) -> ImageTokens:
        with torch.no_grad():
            found = self.function(images)
        given = found if isinstance(found, ImageTokens) else ImageTokens(tokens=found, class_tokens=None)
        tokens = given.tokens
        if isinstance(tokens, torch.Tensor) and tokens.ndim == 4:
            tokens = tokens[:, None]
        return ImageTokens(tokens=tokens, class_tokens=given.class_tokens)


@dataclass(frozen=True, kw_only=True, eq=False)
class CustomPointEncoder(CustomEncoder):
    """Calls ``function`` with a cloud and the groups of its centers, on the CPU; it gives (G, C) or (layers, G, C)."""

    function: Callable[[Cloud, Groups], torch.Tensor]

    def encode(self, cloud: Cloud, groups: Groups) -> torch.Tensor:
        with torch.no_grad():
            found = self.function(cloud, Groups(**{name: value.cpu() for name, value in vars(groups).items()}))
        return found[None] if isinstance(found, torch.Tensor) and found.ndim == 2 else found


def image_encoder(function: Callable[..., Any], default_size: int) -> CustomImageEncoder:
    """An encoder that calls ``function``; size, resample and patch are its attributes or defaults."""
    return CustomImageEncoder(
        function=function,
        size=getattr(function, "size", default_size),
        resample=getattr(function, "resample", "bicubic"),
        patch=getattr(function, "patch", 1),
        **_common(function),
    )


def point_encoder(function: Callable[..., Any]) -> CustomPointEncoder:
    """An encoder that calls ``function``."""
    return CustomPointEncoder(function=function, **_common(function))


def _common(function: Callable[..., Any]) -> dict[str, Any]:
    name = getattr(function, "name", None) or getattr(function, "__name__", None) or type(function).__name__
    matching = getattr(function, "matching", MATCHING)
    if not isinstance(matching, Matching):
        msg = f"score: matching of the encoder {name} must be a musc2.encoders.Matching, got {matching!r}"
        raise InputError(msg)
    return {"name": str(name), "matching": matching}
