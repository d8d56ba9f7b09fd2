from __future__ import annotations

import math

import torch

from musc2 import _cpu
from musc2.errors import InputError
from musc2.ops._support import arrays


def project_tokens(tokens: arrays.Array, matrix: arrays.Array, offset: arrays.Array) -> torch.Tensor:
    """tokens: (..., C), matrix: (C, D), offset: (D,), all float32 -> (..., D) float32, tokens @ matrix + offset.

    A token gives the same bits whatever the others and for every number of threads, which torch does not promise.

    >>> project_tokens(torch.ones(2, 3), torch.eye(3), torch.tensor([0.0, 1, 2])).tolist()
    [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]
    """
    op = "project_tokens"
    if getattr(tokens, "ndim", 0) < 1:
        msg = f"{op}: tokens must have shape (..., C), got {tuple(getattr(tokens, 'shape', ()))}"
        raise InputError(msg)
    before = tuple(tokens.shape[:-1])
    flat = tokens.reshape(math.prod(before), tokens.shape[-1])
    found = arrays.finite(op, "tokens", arrays.tensor(op, "tokens", flat, "T, C"))
    weights = arrays.finite(op, "matrix", arrays.tensor(op, "matrix", matrix, f"{found.shape[1]}, D"))
    start = arrays.finite(op, "offset", arrays.tensor(op, "offset", offset, f"{weights.shape[1]}"))
    projected = torch.empty(len(found), weights.shape[1])
    if projected.numel() > 0:
        _cpu.project_tokens(
            found.data_ptr(),
            found.shape[0],
            found.shape[1],
            weights.data_ptr(),
            start.data_ptr(),
            weights.shape[1],
            projected.data_ptr(),
        )
    return projected.reshape(*before, weights.shape[1])
