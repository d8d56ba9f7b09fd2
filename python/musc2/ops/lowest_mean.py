from __future__ import annotations

import torch

from musc2.checks import is_interval
from musc2.errors import InputError
from musc2.ops._support import arrays, native


def lowest_mean(d: arrays.Array, interval: tuple[float, float] = (0.0, 0.3)) -> torch.Tensor:
    """d: (..., R) float32 -> (...) float32, the mean of an interval of the ascending values of each row.

    A float bound is a fraction of the values that take part, an int a count. Entries of +inf (a sample against itself)
    do not take part; at least one value is taken; a row of nothing but +inf gives +inf.

    >>> lowest_mean(torch.tensor([[4.0, 1.0, float("inf"), 2.0]]), (0.0, 0.7))
    tensor([1.5000])
    """
    if not is_interval(interval):
        msg = f"lowest_mean: interval must be two rising bounds, fractions or whole counts, got {interval!r}"
        raise InputError(msg)
    low, high = interval
    values = arrays.tensor("lowest_mean", "d", *_flat(d))
    arrays.without_nan("lowest_mean", "d", values)
    mean = values.new_empty(values.shape[0])
    rows, columns = values.shape
    native.kernels(values).lowest_mean(values.data_ptr(), rows, columns, *_bound(low), *_bound(high), mean.data_ptr())
    return mean.reshape(tuple(d.shape[:-1]))


def _flat(d: arrays.Array) -> tuple[arrays.Array, str]:
    if getattr(d, "ndim", 0) < 1 or d.shape[-1] == 0:
        msg = f"lowest_mean: d must have shape (..., R) with R at least 1, got {tuple(getattr(d, 'shape', ()))}"
        raise InputError(msg)
    rows = 1
    for size in d.shape[:-1]:
        rows *= size
    return d.reshape(rows, d.shape[-1]), "rows, R"


def _bound(value: float) -> tuple[float, int]:
    return (value, 0) if isinstance(value, float) else (-1.0, value)
