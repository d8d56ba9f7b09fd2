"""Subsets, ALGORITHM.md §9: random parts of the set that score their own samples."""

from __future__ import annotations

import numpy as np
import torch

from musc2.errors import InputError


def split(samples: int, subsets: int, seed: int) -> list[torch.Tensor]:
    """The ascending indices of each part; sizes differ by at most one. The same seed gives the same parts."""
    if subsets == 1:
        return [torch.arange(samples)]
    if samples // subsets < 2:
        msg = f"Config: subsets must leave at least 2 samples in each part, got {subsets} for {samples}"
        raise InputError(msg)
    order = np.random.default_rng(seed).permutation(samples)
    return [torch.from_numpy(np.sort(part)) for part in np.array_split(order, subsets)]
