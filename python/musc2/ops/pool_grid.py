from __future__ import annotations

from collections.abc import Sequence

import torch

from musc2 import checks
from musc2.ops._support import arrays, dispatch, magnitude

OP = "pool_grid"
MAX_DEGREE = 9999
MOST_ON_GPU = 50_000  # patches in a window, whose weights a block keeps in shared memory
WEIGHTINGS = ("similarity", "uniform")


def pool_grid(
    tokens: arrays.Array, degrees: Sequence[int] = (1, 3, 5), *, weighting: str = "similarity"
) -> torch.Tensor:
    """Return each patch token averaged with its neighborhood, by several degrees.

    tokens: (N, h, w, C) float32 -> (N, h, w, C) float32

    For each degree r the r x r window is averaged, then the degrees are. weighting="similarity"
    (SNAMD): a token f_n weighs exp(-|f_n - f|), and a position outside the grid counts as a zero
    vector. weighting="uniform" (LNAMD): the sum of the window over r * r. The result is not
    normalized. tokens may also be bfloat16 or float16, which a GPU reads as they are.

    >>> pool_grid(torch.ones(1, 3, 3, 1), (3,), weighting="uniform")[0, :, 1, 0]
    tensor([0.6667, 1.0000, 0.6667])
    """
    features = arrays.features(OP, "tokens", tokens, "N, h, w, C")
    windows = torch.tensor(checks.odd_degrees(OP, "degrees", degrees, MAX_DEGREE))
    by_similarity = checks.choice(OP, "weighting", weighting, WEIGHTINGS) == "similarity"
    degree = int(windows.max())
    spanned = min(features.shape[1], degree) * min(features.shape[2], degree)
    if spanned > MOST_ON_GPU and dispatch.on_gpu(features):
        requirement = f"must span at most {MOST_ON_GPU} patches of the grid on a GPU"
        checks.refuse(OP, "degrees", requirement, f"{degree}, which spans {spanned}")
    exponent = magnitude.excess_exponent(features)
    features = magnitude.shifted(features, -exponent)
    pooled = torch.empty_like(features, dtype=torch.float32)
    if features.numel() > 0:
        images, height, width, channels = features.shape
        sizes = (images, height, width, channels)
        type_code = arrays.TYPE_CODES[features.dtype]
        dispatch.launch(
            OP,
            features,
            *sizes,
            windows,
            len(windows),
            by_similarity,
            pooled,
            gpu_only=(type_code,),
        )
    return magnitude.shifted(pooled, exponent)
