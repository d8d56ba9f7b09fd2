"""Find the groups of every patch by a search per patch."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bench.clouds import SIDE


def patch_of_groups(pixels: torch.Tensor, grid: Sequence[int]) -> torch.Tensor:
    """pixels: (G,) row * SIDE + column of each center -> the patch (G,) that it lies in."""
    rows, columns = pixels // SIDE * grid[0] // SIDE, pixels % SIDE * grid[1] // SIDE
    return rows * grid[1] + columns


def link_patches(pixels: torch.Tensor, grid: Sequence[int]) -> list[torch.Tensor]:
    """pixels: (G,) -> the groups of each of the patches."""
    patch = patch_of_groups(pixels, grid)
    return [torch.where(patch == index)[0] for index in range(grid[0] * grid[1])]
