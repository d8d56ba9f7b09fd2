"""Random subsets of the set that score their own samples, docs/method/algorithm.md section 9."""

from __future__ import annotations

import numpy as np
import torch

from musc2.errors import InputError


def split(samples: int, subsets: int, seed: int) -> list[torch.Tensor]:
    """Return the ascending indices of each subset; sizes differ by at most one.

    The same seed gives the same subsets.
    """
    if subsets == 1:
        return [torch.arange(samples)]
    if samples // subsets < 2:
        requirement = "must leave at least 2 samples in each subset"
        msg = f"Config: subset_count {requirement}, got {subsets} for {samples} samples"
        raise InputError(msg)
    order = np.random.default_rng(seed).permutation(samples)
    return list(map(torch.from_numpy, map(np.sort, np.array_split(order, subsets))))
