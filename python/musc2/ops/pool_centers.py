from __future__ import annotations

from collections.abc import Sequence

import torch

from musc2 import _cpu
from musc2.errors import InputError
from musc2.ops._support import arrays, gpu


def pool_centers(
    tokens: arrays.Array,
    centers: arrays.Array,
    curvature: arrays.Array,
    degrees: Sequence[int] = (1, 3, 5),
    *,
    curvature_threshold: float = 0.01,
    offsets: arrays.Array | Sequence[int] | None = None,
) -> torch.Tensor:
    """tokens: (G, C), centers: (G, 3), curvature: (G,) float32 -> (G, C) float32, tokens averaged where it is flat.

    A center of curvature >= curvature_threshold keeps its token f. At the others, for each degree r, the tokens of the r nearest
    centers (itself the first) are averaged with weights exp(-|f_n - f|); these R averages are concatenated and every R
    consecutive values averaged, which is the published rule. Degrees go up to 31; where there are fewer centers, all
    are taken. The lowest index wins ties, so among centers in one place the first one counts as "itself". A packed
    batch: ``offsets`` (B + 1,), each sample on its own.

    >>> pool_centers(torch.eye(2), torch.eye(2, 3), torch.tensor([0.0, 0.5]), (1,))
    tensor([[1., 0.],
            [0., 1.]])
    """
    found = arrays.finite("pool_centers", "tokens", arrays.tensor("pool_centers", "tokens", tokens, "G, C"))
    middles = arrays.coordinates("pool_centers", "centers", centers, "G, 3")
    bend = arrays.tensor("pool_centers", "curvature", curvature, "G")
    arrays.finite("pool_centers", "curvature", bend)
    for name, value in (("centers", middles), ("curvature", bend)):
        if len(value) != len(found):
            msg = f"pool_centers: {name} must have one entry per token ({len(found)}), got {len(value)}"
            raise InputError(msg)
    counts = [arrays.whole("pool_centers", "degrees", r, 1, 31) for r in arrays.odd_degrees("pool_centers", degrees)]
    if (
        isinstance(curvature_threshold, bool)
        or not isinstance(curvature_threshold, int | float)
        or curvature_threshold != curvature_threshold
    ):
        msg = f"pool_centers: curvature_threshold must be a number, got {curvature_threshold!r}"
        raise InputError(msg)
    arrays.check_same_device("pool_centers", tokens=found, centers=middles, curvature=bend)
    ends = arrays.offsets_on_device_of(
        arrays.check_offsets("pool_centers", "offsets", offsets, len(found), "tokens"), found
    )
    pooled, windows = torch.empty_like(found), torch.tensor(counts)
    arguments = (
        found.data_ptr(),
        middles.data_ptr(),
        bend.data_ptr(),
        ends.data_ptr(),
        len(ends) - 1,
        found.shape[1],
        windows.data_ptr(),
        len(windows),
        curvature_threshold,
        pooled.data_ptr(),
    )
    if on_gpu := gpu.launcher(found):
        on_gpu.pool_centers(*arguments, len(found))
    else:
        _cpu.pool_centers(*arguments)
    return pooled
