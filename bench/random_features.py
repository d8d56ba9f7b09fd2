"""Encoders without any idea of what they look at: how far a set can be solved by features that fit nothing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import conv2d, relu

from musc2.encoders import ImageTokens, TokenDefaults


class RandomConvolutions:
    """Three random convolutions with stride 2: 128 channels every 8 pixels."""

    name, size, resample = "random convolutions", 224, "bicubic"

    def __init__(self, seed: int = 0, normalize: bool = False) -> None:
        self.token_defaults = TokenDefaults(normalize=normalize, degrees=(1,))
        generator = torch.Generator().manual_seed(seed)
        self.kernels = [
            torch.randn(c, b, k, k, generator=generator) * (2 / (b * k * k)) ** 0.5
            for b, c, k in ((3, 32, 7), (32, 64, 5), (64, 128, 3))
        ]

    def fit(self, images: Sequence[torch.Tensor], *, seed: int = 0) -> None:
        pass

    def encode(self, images: torch.Tensor) -> ImageTokens:
        x = (images - 0.45) / 0.23
        for kernel in self.kernels:
            x = relu(conv2d(x, kernel, stride=2, padding=kernel.shape[-1] // 2))
        return ImageTokens(tokens=x.permute(0, 2, 3, 1)[:, None].contiguous(), class_tokens=None)


class RandomPointNet:
    """The offsets of a group over their root mean square through two random layers, then the mean and the maximum."""

    name = "random point net"

    def __init__(self, seed: int = 0, normalize: bool = False) -> None:
        self.token_defaults = TokenDefaults(normalize=normalize, degrees=(1,))
        generator = torch.Generator().manual_seed(seed)
        self.first = torch.randn(3, 64, generator=generator)
        self.bias = torch.randn(64, generator=generator)
        self.second = torch.randn(64, 64, generator=generator) * (2 / 64) ** 0.5

    def fit(self, clouds: Sequence[object], *, seed: int = 0) -> None:
        pass

    def encode(self, cloud: object, groups: object) -> torch.Tensor:
        offsets = groups.neighborhood
        offsets = offsets / offsets.square().mean((1, 2), keepdim=True).sqrt().clamp(min=1e-9)
        x = relu(relu(offsets @ self.first + self.bias) @ self.second)
        return torch.cat([x.mean(1), x.amax(1)], dim=1)[None]
