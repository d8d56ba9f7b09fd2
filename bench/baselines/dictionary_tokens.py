"""Compute distances to the words of a dictionary in torch: unfold, cdist, pooling."""

from __future__ import annotations

import torch
from torch.nn import functional


def dictionary_tokens(
    images: torch.Tensor, whitening: torch.Tensor, words: torch.Tensor
) -> torch.Tensor:
    """images: (1, 3, H, W), whitening: (108, C), words: (K, C) -> (1, H / 8, W / 8, K)."""
    padded = functional.pad(images, (1,) * 4, mode="reflect")
    patches = functional.unfold(padded, 6, stride=4).transpose(1, 2)
    patches = patches - patches.mean(2, keepdim=True)
    patches = patches / (patches.square().mean(2, keepdim=True).sqrt() + 10 / 255)
    distance = torch.cdist(patches @ whitening, words[None])
    size = images.shape[2] // 4, images.shape[3] // 4
    maps = distance.transpose(1, 2).reshape(1, len(words), *size)
    weights = torch.exp(-0.5 * (torch.arange(8) - 3.5) ** 2)
    kernel = (weights / weights.sum()).expand(len(words), 1, 1, 8)
    maps = functional.pad(maps, (3,) * 4, mode="reflect")
    maps = functional.conv2d(maps, kernel, stride=(1, 2), groups=len(words))
    maps = functional.conv2d(maps, kernel.mT, stride=(2, 1), groups=len(words))
    return maps.permute(0, 2, 3, 1)
