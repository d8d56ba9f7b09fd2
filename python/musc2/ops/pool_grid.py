from __future__ import annotations

from collections.abc import Sequence

import torch

from musc2.errors import InputError
from musc2.ops._support import arrays, gpu, native


def pool_grid(
    tokens: arrays.Array, degrees: Sequence[int] = (1, 3, 5), *, weighting: str = "similarity"
) -> torch.Tensor:
    """tokens: (N, h, w, C) float32 -> (N, h, w, C) float32, each patch token averaged with its neighborhood.

    For each degree r the r x r window is averaged, then the degrees. weighting="similarity" (SNAMD): a token f_n
    weighs exp(-|f_n - f|), and a place outside the grid counts as a zero vector. weighting="uniform" (LNAMD): the
    window's sum over r * r. The result is not normalized. tokens may also be bfloat16 or float16, which a GPU reads as
    they are.

    >>> pool_grid(torch.ones(1, 3, 3, 1), (3,), weighting="uniform")[0, :, 1, 0]
    tensor([0.6667, 1.0000, 0.6667])
    """
    found = arrays.features("pool_grid", "tokens", tokens, "N, h, w, C")
    windows = torch.tensor([arrays.whole("pool_grid", "degrees", r, 1, 9999) for r in _odd(degrees)])
    if weighting not in ("similarity", "uniform"):
        msg = f'pool_grid: weighting must be "similarity" or "uniform", got {weighting!r}'
        raise InputError(msg)
    pooled = torch.empty_like(found, dtype=torch.float32)
    if found.numel() > 0:
        kernels = native.kernels(found)
        kernels.pool_grid(
            found.data_ptr(),
            *found.shape,
            windows.data_ptr(),
            len(windows),
            weighting == "similarity",
            pooled.data_ptr(),
            *([arrays.TYPES[found.dtype]] if isinstance(kernels, gpu.Launcher) else []),
        )
    return pooled


def _odd(degrees: Sequence[int]) -> list[int]:
    return arrays.odd_degrees("pool_grid", degrees)
