"""Encode an image by the recipe of the built-in ``texture``, in torch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.nn import functional

from bench.baselines.dictionary_tokens import dictionary_tokens
from bench.baselines.gradient_tokens import gradient_tokens


def texture(image: torch.Tensor, state: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """image: (1, 3, H, W), state: of the fitted encoder -> (1, 1, H / 8, W / 8, C)."""
    edges = gradient_tokens(image)
    edges = edges / (edges.norm(dim=-1, keepdim=True) + state["contrast"])
    words = dictionary_tokens(image, state["whitening"], state["words"]).sqrt()
    blocks = torch.cat([edges, words, _chroma(image)], -1)
    return (blocks @ state["matrix"] + state["offset"])[:, None]


def _chroma(images: torch.Tensor) -> torch.Tensor:
    """Return Gaussian means of two opponent colors around every cell of 8 x 8 pixels."""
    red, green, blue = images.unbind(1)
    colors = torch.stack([(red - green) / 2, (red + green - 2 * blue) / 4], 1)
    means = []
    for sigma in (2.0, 4.0, 8.0):
        reach = int(3 * sigma) + 1
        weights = torch.exp(-0.5 * ((torch.arange(-reach, reach) + 0.5) / sigma) ** 2)
        kernel = (weights / weights.sum()).expand(2, 1, 1, -1)
        wide = functional.pad(colors, (reach - 4,) * 4, mode="reflect")
        along = functional.conv2d(wide, kernel, stride=(1, 8), groups=2)
        means.append(functional.conv2d(along, kernel.mT, stride=(8, 1), groups=2))
    return torch.stack(means, 2).flatten(1, 2).permute(0, 2, 3, 1)
