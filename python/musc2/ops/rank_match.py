from __future__ import annotations

import math

import torch

from musc2 import checks
from musc2.ops._support import arrays, dispatch

OP = "rank_match"


def rank_match(source: arrays.Array, target: arrays.Array) -> torch.Tensor:
    """Return the values of ``source`` in the order of ``target``.

    source, target: (..., n) float32 -> (..., n) float32

    In each row the smallest value of source comes where the smallest value of target is, and so
    on. Equal targets rank by their index; -0 counts as +0 and comes out as +0. Infinities take
    part, NaN is an error.

    >>> rank_match(torch.tensor([10.0, 30.0, 20.0]), torch.tensor([0.5, 0.1, 0.5]))
    tensor([20., 10., 30.])
    """
    values, order = _rows("source", source), _rows("target", target)
    shape = tuple(target.shape)
    if tuple(source.shape) != shape:
        both = f"{tuple(source.shape)} and {shape}"
        checks.refuse(OP, "source and target", "must have the same shape", both)
    arrays.without_nan(OP, "source", values)
    arrays.without_nan(OP, "target", order)
    arrays.check_same_device(OP, source=values, target=order)
    rows, columns = values.shape
    matched = torch.empty_like(values)
    scratch = dispatch.scratch(OP, values, rows, columns)
    dispatch.launch(OP, values, order, rows, columns, matched, gpu_only=(scratch,))
    return matched.reshape(shape)


def _rows(name: str, value: arrays.Array) -> torch.Tensor:
    array = arrays.of_any_rank(OP, name, value)
    shape = tuple(array.shape)
    if not shape or shape[-1] >= 2**31:
        checks.refuse(OP, name, "must have shape (..., n) with n below 2^31", shape)
    rows = math.prod(shape[:-1])
    return arrays.tensor(OP, name, array.reshape(rows, shape[-1]), "rows, n")
