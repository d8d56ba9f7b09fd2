from __future__ import annotations

import math

import torch

from musc2 import checks
from musc2.ops._support import arrays, dispatch

OP = "lowest_mean"


def lowest_mean(d: arrays.Array, interval: tuple[float, float] = (0.0, 0.3)) -> torch.Tensor:
    """Return the mean of an interval of the ascending values of each row.

    d: (..., R) float32 -> (...) float32

    A float bound is a fraction of the values that take part, an int a count. Entries of +inf (a
    sample against itself) do not take part; at least one value is taken; a row of nothing but +inf
    gives +inf.

    >>> lowest_mean(torch.tensor([[4.0, 1.0, float("inf"), 2.0]]), (0.0, 0.7))
    tensor([1.5000])
    """
    if not checks.is_interval(interval):
        requirement = "must be two rising bounds, fractions or whole counts"
        checks.refuse(OP, "interval", requirement, checks.shortened(interval))
    low, high = interval
    array = arrays.of_any_rank(OP, "d", d)
    shape = tuple(array.shape)
    if not shape or shape[-1] == 0:
        checks.refuse(OP, "d", "must have shape (..., R) with R at least 1", shape)
    *leading, columns = shape
    rows = math.prod(leading)
    values = arrays.tensor(OP, "d", array.reshape(rows, columns), "rows, R")
    arrays.without_nan(OP, "d", values)
    mean = values.new_empty(rows)
    dispatch.launch(OP, values, rows, columns, *_bound(low), *_bound(high), mean)
    return mean.reshape(leading)


def _bound(value: float) -> tuple[float, int]:
    """Return a bound as the kernel takes it: a fraction, or -1 and a count."""
    return (value, 0) if isinstance(value, float) else (-1.0, value)
