from __future__ import annotations

from collections.abc import Sequence

import torch

from musc2 import _cpu
from musc2.errors import InputError
from musc2.ops._support import arrays, gpu


def spread_points(
    points: arrays.Array,
    centers: arrays.Array,
    values: arrays.Array,
    *,
    neighbors: int = 3,
    offsets: arrays.Array | Sequence[int] | None = None,
    center_offsets: arrays.Array | Sequence[int] | None = None,
) -> torch.Tensor:
    """points: (P, 3), centers: (G, 3), values: (G,) float32 -> (P,) float32, the centers' values at the points.

    A point takes the mean of the values of its 1 to 8 nearest centers (of all when there are fewer) with weights
    1 / (d^2 + 1e-8); the lowest index wins ties. Packed batches: ``offsets`` (B + 1,) for the points and
    ``center_offsets`` (B + 1,) for centers and values; each sample looks at its own centers.

    >>> spread_points(torch.tensor([[0.0, 0, 0], [1, 0, 0]]), torch.tensor([[0.0, 0, 0], [2, 0, 0]]),
    ...               torch.tensor([1.0, 3.0]))
    tensor([1., 2.])
    """
    where = arrays.coordinates("spread_points", "points", points, "P, 3")
    middles = arrays.coordinates("spread_points", "centers", centers, "G, 3")
    given = arrays.finite("spread_points", "values", arrays.tensor("spread_points", "values", values, "G"))
    if len(given) != len(middles):
        msg = f"spread_points: values must have one entry per center ({len(middles)}), got {len(given)}"
        raise InputError(msg)
    count = arrays.whole("spread_points", "neighbors", neighbors, 1, 8)
    ends = arrays.check_offsets("spread_points", "offsets", offsets, len(where), "points")
    center_ends = arrays.check_offsets("spread_points", "center_offsets", center_offsets, len(middles), "centers")
    if len(ends) != len(center_ends):
        msg = (
            f"spread_points: center_offsets must describe as many samples as offsets ({len(ends) - 1}), "
            f"got {len(center_ends) - 1}"
        )
        raise InputError(msg)
    without = (ends.diff() > 0) & (center_ends.diff() == 0)
    if bool(without.any()):
        sample = int(without.nonzero()[0])
        msg = f"spread_points: centers must hold at least one for a sample with points, got none for sample {sample}"
        raise InputError(msg)
    arrays.check_same_device("spread_points", points=where, centers=middles, values=given)
    offsets_there, center_offsets_there = (
        arrays.offsets_on_device_of(ends, where),
        arrays.offsets_on_device_of(center_ends, middles),
    )
    spread = where.new_empty(len(where))
    arguments = (
        where.data_ptr(),
        offsets_there.data_ptr(),
        middles.data_ptr(),
        center_offsets_there.data_ptr(),
        len(ends) - 1,
        given.data_ptr(),
        count,
        spread.data_ptr(),
    )
    if on_gpu := gpu.launcher(where):
        on_gpu.spread_points(*arguments, arrays.largest_batch(ends))
    else:
        _cpu.spread_points(*arguments)
    return spread
