"""Compute gradient tokens in torch: convolutions and bilinear sampling."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

RINGS = ((0, 3.0), (7, 3.5), (14, 5.5))  # radius and sigma in pixels


def gradient_tokens(images: torch.Tensor) -> torch.Tensor:
    """images: (B, 3, H, W) -> (B, H / 8, W / 8, 136)."""
    gray = _blur(images.mean(1, keepdim=True), 1.0)
    p = functional.pad(gray, (1,) * 4, mode="reflect")
    dx = (p[:, :, 1:-1, 2:] - p[:, :, 1:-1, :-2]) / 2
    dy = (p[:, :, 2:, 1:-1] - p[:, :, :-2, 1:-1]) / 2
    angles = torch.arange(8) * math.pi / 4
    maps = dx * torch.cos(angles)[:, None, None] + dy * torch.sin(angles)[:, None, None]
    maps = functional.avg_pool2d(functional.relu(maps), 2)
    samples = []
    for radius, sigma in RINGS:
        smooth = functional.pad(_blur(maps, sigma / 2), (16,) * 4, mode="reflect")
        for angle in angles.tolist() if radius else [0.0]:
            y = 17.5 + radius * math.sin(angle) / 2
            x = 17.5 + radius * math.cos(angle) / 2
            samples.append(_sample(smooth, y, x))
    return torch.cat(samples, 1).permute(0, 2, 3, 1)


def _blur(maps: torch.Tensor, sigma: float) -> torch.Tensor:
    reach = math.ceil(3 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(maps.shape[1], 1, 1, -1)
    wide = functional.pad(maps, (reach,) * 4, mode="reflect")
    along = functional.conv2d(wide, kernel, groups=len(kernel))
    return functional.conv2d(along, kernel.mT, groups=len(kernel))


def _sample(maps: torch.Tensor, y: float, x: float) -> torch.Tensor:
    """Return the bilinear values at (y, x) of every cell of 4 x 4 pixels."""
    j, i, b, a = int(y), int(x), y % 1, x % 1
    rows, columns = maps.shape[2] - 32, maps.shape[3] - 32
    total = torch.zeros(())
    for v, row_weight in ((0, 1 - b), (1, b)):
        for u, column_weight in ((0, 1 - a), (1, a)):
            corner = maps[:, :, j + v : j + v + rows : 4, i + u : i + u + columns : 4]
            total = total + row_weight * column_weight * corner
    return total
