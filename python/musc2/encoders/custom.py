"""Encoders made of a plain callable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
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
from musc2.torch_state import eval_mode


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
        with torch.no_grad(), eval_mode(self.function):
            returned = self.function(images)
        if not isinstance(returned, ImageTokens):
            returned = ImageTokens(tokens=returned)
        tokens = _as_tensor(returned.tokens)
        if isinstance(tokens, torch.Tensor):
            _check_channels_last(self.name, tokens, images)
            if tokens.ndim == 4:
                tokens = tokens[:, None]
        return ImageTokens(tokens=tokens, class_tokens=_as_tensor(returned.class_tokens))


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
        with torch.no_grad(), eval_mode(self.function):
            tokens: torch.Tensor = _as_tensor(self.function(cloud, on_cpu))
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


def _as_tensor(tokens: Any) -> Any:
    """Return a numpy array as a tensor, anything else as it is: its type is checked later."""
    return (
        torch.from_numpy(np.ascontiguousarray(tokens)) if isinstance(tokens, np.ndarray) else tokens
    )


def _check_channels_last(name: str, tokens: torch.Tensor, images: torch.Tensor) -> None:
    """Refuse tokens whose grid has the image's aspect ratio only if channels come first."""
    if tokens.ndim not in (4, 5):
        return
    first, second, third = tokens.shape[-3:]
    height, width = images.shape[2:]
    if not _has_aspect(first, second, height, width) and _has_aspect(second, third, height, width):
        order = "0, 2, 3, 1" if tokens.ndim == 4 else "0, 1, 3, 4, 2"
        requirement = "must return channels last, (B, h, w, C) or (B, layers, h, w, C)"
        got = f"shape {tuple(tokens.shape)} for images of {height} x {width}; permute({order})?"
        checks.refuse("score", f"the encoder {name}", requirement, got)


def _has_aspect(rows: int, columns: int, height: int, width: int) -> bool:
    """Return whether a grid has the aspect ratio of an image, up to a cell."""
    return abs(rows * width / height - columns) < 1


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
