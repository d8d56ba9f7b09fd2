"""Position embeddings of a trained grid, for grids of other sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True)
class Interpolation:
    """How position embeddings are resized, bicubic with corners not aligned.

    offset: DINO's code resizes by the scale (cells + 0.1) / trained cells and samples by it, not by
    the ratio of the sizes; with 0 the ratio is used. antialias: as in DINOv2 with registers.
    """

    offset: float = 0.0
    antialias: bool = False


DINO_INTERPOLATION = Interpolation(offset=0.1)  # and DINOv2
CLIP_INTERPOLATION = Interpolation()
REGISTERS_INTERPOLATION = Interpolation(antialias=True)  # DINOv2 with registers


def interpolate(
    table: torch.Tensor, grid: tuple[int, int], interpolation: Interpolation
) -> torch.Tensor:
    """Return the table (1, 1 + g * g, C), class token first, for ``grid``: (1, 1 + h * w, C)."""
    cells = math.isqrt(table.shape[1] - 1)
    if grid == (cells, cells):
        return table
    trained = table[:, 1:].reshape(1, cells, cells, -1).permute(0, 3, 1, 2).float()
    offset = interpolation.offset
    scale = None
    if offset:
        scale = ((grid[0] + offset) / cells, (grid[1] + offset) / cells)
    resized = torch.nn.functional.interpolate(
        trained,
        size=None if scale else grid,
        scale_factor=scale,
        mode="bicubic",
        align_corners=False,
        antialias=interpolation.antialias,
    )
    patches = resized.permute(0, 2, 3, 1).flatten(1, 2).to(table.dtype)
    return torch.cat([table[:, :1], patches], dim=1)


@dataclass(frozen=True, eq=False)
class Positions:
    """A replacement for the method of a network that interpolates its position embeddings.

    table: (1, 1 + g * g, C) or, as an embedding's weight, (1 + g * g, C): the network's parameter.
    """

    table: torch.Tensor
    patch: int
    interpolation: Interpolation

    def __call__(self, embeddings: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Return the embeddings (1, 1 + h * w, C) of an image of ``height`` x ``width`` pixels."""
        table = self.table if self.table.ndim == 3 else self.table[None]
        grid = int(height) // self.patch, int(width) // self.patch  # tensors while torch traces
        return interpolate(table, grid, self.interpolation)
