"""Position embeddings of a trained grid, for grids of other sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True)
class Interpolation:
    """Bicubic, corners not aligned.

    offset: DINO interpolates by the scale (cells + 0.1) / trained cells, and the sampling places follow this scale, not
    the ratio of the sizes; 0 interpolates to the size. antialias: as in DINOv2 with registers.
    """

    offset: float = 0.0
    antialias: bool = False


BY_SCALE = Interpolation(offset=0.1)  # DINO, DINOv2
BY_SIZE = Interpolation()  # CLIP
SMOOTHED = Interpolation(antialias=True)  # DINOv2 with registers


def interpolate(table: torch.Tensor, grid: tuple[int, int], how: Interpolation) -> torch.Tensor:
    """table: (1, 1 + g * g, C), the class token's first -> (1, 1 + h * w, C) for ``grid`` (h, w)."""
    cells = math.isqrt(table.shape[1] - 1)
    if grid == (cells, cells):
        return table
    trained = table[:, 1:].reshape(1, cells, cells, -1).permute(0, 3, 1, 2).float()
    scale = ((grid[0] + how.offset) / cells, (grid[1] + how.offset) / cells) if how.offset else None
    resized = torch.nn.functional.interpolate(
        trained,
        size=None if scale else grid,
        scale_factor=scale,
        mode="bicubic",
        align_corners=False,
        antialias=how.antialias,
    )
    return torch.cat([table[:, :1], resized.permute(0, 2, 3, 1).flatten(1, 2).to(table.dtype)], dim=1)


@dataclass(frozen=True, eq=False)
class Positions:
    """Stands in for the method of a network that interpolates its position embeddings.

    table: (1, 1 + g * g, C) or, as an embedding's weight, (1 + g * g, C): the network's own parameter.
    """

    table: torch.Tensor
    patch: int
    how: Interpolation

    def __call__(self, embeddings: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """The embeddings for an image of ``height`` and ``width`` pixels, (1, 1 + h * w, C)."""
        table = self.table if self.table.ndim == 3 else self.table[None]
        return interpolate(table, (height // self.patch, width // self.patch), self.how)
