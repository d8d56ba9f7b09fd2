from __future__ import annotations

import torch

from musc2 import _cpu
from musc2.errors import InputError
from musc2.ops._support import arrays, gpu


def rank_match(source: arrays.Array, target: arrays.Array) -> torch.Tensor:
    """source, target: (..., n) float32 -> (..., n) float32, the values of source in the order of target.

    In each row the smallest value of source comes where the smallest of target is, and so on. Equal targets rank in
    the order of their index; -0 counts as +0 and comes out as it. Infinities take part, NaN is an error.

    >>> rank_match(torch.tensor([10.0, 30.0, 20.0]), torch.tensor([0.5, 0.1, 0.5]))
    tensor([20., 10., 30.])
    """
    shape = tuple(getattr(target, "shape", ()))
    values, places = _rows("source", source), _rows("target", target)
    if tuple(source.shape) != shape:
        msg = f"rank_match: source and target must have the same shape, got {tuple(source.shape)} and {shape}"
        raise InputError(msg)
    arrays.without_nan("rank_match", "source", values)
    arrays.without_nan("rank_match", "target", places)
    arrays.check_same_device("rank_match", source=values, target=places)
    if gpu.launcher(values):
        return _match_by_torch(values, places).reshape(shape)
    rows, columns = values.shape
    matched = torch.empty(rows, columns, dtype=torch.float32)
    _cpu.rank_match(values.data_ptr(), places.data_ptr(), rows, columns, matched.data_ptr())
    return matched.reshape(shape)


def _match_by_torch(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    # Adding 0 makes -0 into +0: torch's sort on a GPU goes by the bits.
    order = (target + 0.0).sort(dim=1, stable=True).indices
    return torch.empty_like(source).scatter_(1, order, (source + 0.0).sort(dim=1).values)


def _rows(name: str, value: arrays.Array) -> torch.Tensor:
    if getattr(value, "ndim", 0) < 1 or value.shape[-1] >= 2**31:
        msg = f"rank_match: {name} must have shape (..., n) with n below 2^31, got {tuple(getattr(value, 'shape', ()))}"
        raise InputError(msg)
    rows = 1
    for size in value.shape[:-1]:
        rows *= size
    return arrays.tensor("rank_match", name, value.reshape(rows, value.shape[-1]), "rows, n")
