from __future__ import annotations

import math

import torch

from musc2 import checks
from musc2.ops._support import arrays, dispatch

OP = "project_tokens"


def project_tokens(
    tokens: arrays.Array, matrix: arrays.Array, offset: arrays.Array
) -> torch.Tensor:
    """Return tokens @ matrix + offset.

    tokens: (..., C), matrix: (C, D), offset: (D,), all float32 -> (..., D) float32

    A token gives the same bits whatever the other tokens and the number of threads, which torch
    does not promise.

    >>> project_tokens(torch.ones(2, 3), torch.eye(3), torch.tensor([0.0, 1, 2])).tolist()
    [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]
    """
    array = arrays.of_any_rank(OP, "tokens", tokens)
    shape = tuple(array.shape)
    if not shape:
        checks.refuse(OP, "tokens", "must have shape (..., C)", shape)
    *leading, channels = shape
    count = math.prod(leading)
    flat = arrays.finite_tensor(OP, "tokens", array.reshape(count, channels), "T, C")
    weights = arrays.finite_tensor(OP, "matrix", matrix, f"{channels}, D")
    columns = weights.shape[1]
    shift = arrays.finite_tensor(OP, "offset", offset, f"{columns}")
    arrays.check_same_device(OP, tokens=flat, matrix=weights, offset=shift)
    projected = flat.new_empty(count, columns)
    if projected.numel() > 0:
        dispatch.launch(OP, flat, count, channels, weights, shift, columns, projected)
    return projected.reshape(*leading, columns)
