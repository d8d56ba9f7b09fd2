"""Encoders that ignore what they look at: how much of a set random features solve."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import conv2d, relu

from musc2 import Cloud
from musc2.encoders import ImageTokens, TokenDefaults
from musc2.ops import Groups


class _RandomEncoder:
    """What both have in common: nothing is learned."""

    learns = False

    def __init__(self, *, normalize: bool = False) -> None:
        self.token_defaults = TokenDefaults(normalize=normalize, degrees=(1,))

    def fit(self, samples: Sequence[object], *, seed: int = 0) -> None:
        """Do nothing."""

    def state(self) -> dict[str, torch.Tensor]:
        """Return nothing."""
        return {}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Do nothing."""


class RandomConvolutions(_RandomEncoder):
    """Three random convolutions with stride 2: 128 channels every 8 pixels."""

    name, modality = "random convolutions", "image"
    size, resample, patch = 224, "bicubic", 1

    def __init__(self, seed: int = 0, *, normalize: bool = False) -> None:
        super().__init__(normalize=normalize)
        generator = torch.Generator().manual_seed(seed)
        self.kernels = []
        for inputs, outputs, side in ((3, 32, 7), (32, 64, 5), (64, 128, 3)):
            kernel = torch.randn(outputs, inputs, side, side, generator=generator)
            self.kernels.append(kernel * (2 / (inputs * side * side)) ** 0.5)

    def encode(self, images: torch.Tensor) -> ImageTokens:
        x = (images - 0.45) / 0.23
        for kernel in self.kernels:
            x = relu(conv2d(x, kernel, stride=2, padding=kernel.shape[-1] // 2))
        tokens = x.permute(0, 2, 3, 1)[:, None].contiguous()
        return ImageTokens(tokens=tokens, class_tokens=None)


class RandomPointNet(_RandomEncoder):
    """The scaled offsets of a group through two random layers, then their mean and maximum."""

    name, modality = "random point net", "points"

    def __init__(self, seed: int = 0, *, normalize: bool = False) -> None:
        super().__init__(normalize=normalize)
        generator = torch.Generator().manual_seed(seed)
        self.first = torch.randn(3, 64, generator=generator)
        self.bias = torch.randn(64, generator=generator)
        self.second = torch.randn(64, 64, generator=generator) * (2 / 64) ** 0.5

    def encode(self, cloud: Cloud, groups: Groups) -> torch.Tensor:
        offsets = groups.neighborhood
        mean_square = offsets.square().mean((1, 2), keepdim=True)
        offsets = offsets / mean_square.sqrt().clamp(min=1e-9)
        x = relu(relu(offsets @ self.first + self.bias) @ self.second)
        return torch.cat([x.mean(1), x.amax(1)], dim=1)[None]
