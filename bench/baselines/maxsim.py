"""Search the nearest patches with the fused MaxSim of NumKong, the fastest public SIMD kernel."""

from __future__ import annotations

from collections.abc import Callable

import numkong
import numpy as np
import torch

FORMATS = ("f32", "bf16", "f16")


def maxsim_variants(z: torch.Tensor) -> list[Callable[[], torch.Tensor]]:
    """Return a function for each format: z (N, L, C) of length 1 -> (N, N) sums over patches.

    Of half the squared distance from each patch to the nearest of the other sample, infinite for a
    sample against itself; conversion and packing included. It searches in int8 and measures what it
    found, which is not always the nearest.
    """
    samples = list(z.numpy())

    def sums(form: str) -> torch.Tensor:
        packed = []
        for sample in samples:
            own = sample if form == "f32" else numkong.astype(sample, form)
            packed.append(numkong.maxsim_pack(own, dtype=form))
        result = np.full((len(packed), len(packed)), np.inf, np.float32)
        for row, own in enumerate(packed):
            for column, other in enumerate(packed):
                if row != column:
                    result[row, column] = numkong.maxsim_packed(own, other)
        return torch.from_numpy(result)

    return [lambda form=form: sums(form) for form in FORMATS]  # type: ignore[misc]
