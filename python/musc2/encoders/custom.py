"""Encoders made of a plain callable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from musc2 import checks
from musc2.cloud import Cloud
from musc2.encoders.contract import (
    PUBLISHED_DEFAULTS,
    ImageTokens,
    Modality,
    Pretrained,
    TokenDefaults,
)
from musc2.ops import Groups


@dataclass(frozen=True, kw_only=True, eq=False)
class CustomEncoder(Pretrained):
    """A callable with the members of an encoder; its own attributes precede the defaults."""

    name: str
    token_defaults: TokenDefaults


@dataclass(frozen=True, kw_only=True, eq=False)
class CustomImageEncoder(CustomEncoder):
    """Call ``function`` with images (B, 3, H, W) in [0, 1].

    It returns (B, h, w, C), (B, layers, h, w, C) or ImageTokens.
    """

    function: Callable[[torch.Tensor], torch.Tensor | ImageTokens]
    size: int
    resample: str
    patch: int
    modality: Modality = "image"

    def encode(self, images: torch.Tensor) -> ImageTokens:
        """Return the function's tokens, with a dimension for layers."""
        with torch.no_grad():
            returned = self.function(images)
        if not isinstance(returned, ImageTokens):
            returned = ImageTokens(tokens=returned)
        tokens = returned.tokens
        if isinstance(tokens, torch.Tensor) and tokens.ndim == 4:
            tokens = tokens[:, None]
        return ImageTokens(tokens=tokens, class_tokens=returned.class_tokens)


@dataclass(frozen=True, kw_only=True, eq=False)
class CustomPointEncoder(CustomEncoder):
    """Call ``function`` with a cloud and the groups of its centers, on the CPU.

    It returns (G, C) or (layers, G, C).
    """

    function: Callable[[Cloud, Groups], torch.Tensor]
    modality: Modality = "points"

    def encode(self, cloud: Cloud, groups: Groups) -> torch.Tensor:
        """Return the function's tokens, with a dimension for layers."""
        on_cpu = Groups(**{name: value.cpu() for name, value in vars(groups).items()})
        with torch.no_grad():
            tokens = self.function(cloud, on_cpu)
        if isinstance(tokens, torch.Tensor) and tokens.ndim == 2:
            return tokens[None]
        return tokens


def image_encoder(function: Callable[..., Any], default_size: int) -> CustomImageEncoder:
    """Return an image encoder that calls ``function``."""
    return CustomImageEncoder(
        function=function,
        name=_name(function),
        token_defaults=_token_defaults(function),
        size=getattr(function, "size", default_size),
        resample=getattr(function, "resample", "bicubic"),
        patch=getattr(function, "patch", 1),
    )


def point_encoder(function: Callable[..., Any]) -> CustomPointEncoder:
    """Return a point encoder that calls ``function``."""
    return CustomPointEncoder(
        function=function, name=_name(function), token_defaults=_token_defaults(function)
    )


def _name(function: Callable[..., Any]) -> str:
    for attribute in ("name", "__name__"):
        name = getattr(function, attribute, None)
        if name:
            return str(name)
    return type(function).__name__


def _token_defaults(function: Callable[..., Any]) -> TokenDefaults:
    defaults = getattr(function, "token_defaults", PUBLISHED_DEFAULTS)
    if not isinstance(defaults, TokenDefaults):
        subject = f"token_defaults of the encoder {_name(function)}"
        requirement = "must be a musc2.encoders.TokenDefaults"
        checks.refuse("score", subject, requirement, repr(defaults))
    return defaults
