"""Search the nearest patches as published, one sample at a time: cdist to all, then amin."""

from __future__ import annotations

import torch


def nearest_patches(z: torch.Tensor) -> torch.Tensor:
    """z: (N, L, C) -> (N, L, N), infinite for a sample against itself.

    Each is compared with all, itself included: to leave it out would take a copy of the others.
    """
    d = torch.stack([nearest_patches_of(sample, z) for sample in z])
    d[torch.arange(len(z)), :, torch.arange(len(z))] = float("inf")
    return d


def nearest_patches_of(sample: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """sample: (L, C), z: (N, L, C) -> (L, N)."""
    n, patches, channels = z.shape
    distances = torch.cdist(sample, z.reshape(-1, channels))
    return distances.reshape(patches, n, patches).amin(-1)


def nearest_patches_in_window(z: torch.Tensor, grid: tuple[int, int], window: int) -> torch.Tensor:
    """z: (N, L, C) -> (N, L, N): likewise, with patches at most ``window`` grid cells away."""
    height, width = grid
    rows, columns = (
        torch.arange(height).repeat_interleave(width),
        torch.arange(width).repeat(height),
    )
    d = torch.full((len(z), z.shape[1], len(z)), float("inf"))
    for row_offset in range(-window, window + 1):
        for column_offset in range(-window, window + 1):
            other_rows, other_columns = rows + row_offset, columns + column_offset
            inside = (other_rows >= 0) & (other_rows < height)
            inside &= (other_columns >= 0) & (other_columns < width)
            other = (other_rows * width + other_columns)[inside]
            for j, sample in enumerate(z):
                apart = (z[:, inside] - sample[other]).norm(dim=-1)
                d[:, inside, j] = torch.minimum(d[:, inside, j], apart)
    d[torch.arange(len(z)), :, torch.arange(len(z))] = float("inf")
    return d
