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
