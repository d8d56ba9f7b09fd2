"""Bring features of extreme magnitude into the range where squares neither overflow nor vanish."""

from __future__ import annotations

import math

import torch
from torch.nn.functional import normalize

from musc2 import _cpu

EXPONENT = 30  # the largest value of features stays within 2**-30 and 2**30


def excess_exponent(*features: torch.Tensor) -> int:
    """Return e for which ``features * 2**-e`` have a largest value within 2**-30 and 2**30.

    0 if it lies there, if all values are 0, and for features on a GPU, which are not waited for.
    """
    largest = 0.0
    for values in features:
        if values.numel() > 0 and not values.is_cuda:
            largest = max(largest, _largest(values))
    if largest == 0:
        return 0
    exponent = math.frexp(largest)[1]
    if exponent > EXPONENT:
        return exponent - EXPONENT
    return min(exponent + EXPONENT, 0)


def _largest(values: torch.Tensor) -> float:
    """Return the largest magnitude of finite values on the CPU."""
    if values.dtype != torch.float32 or not values.is_contiguous():
        low, high = values.aminmax()
        return max(abs(float(low)), abs(float(high)))
    largest = torch.empty(1)  # one pass over what may be a large bank, in all threads
    _cpu.largest_magnitude(values.data_ptr(), values.numel(), largest.data_ptr())
    return float(largest)


def shifted(values: torch.Tensor, exponent: int) -> torch.Tensor:
    """Return ``values * 2**exponent``; the tensor itself for exponent 0."""
    if exponent == 0:
        return values
    half = exponent // 2  # 2**exponent itself may not be a float32
    return values * 2.0**half * 2.0 ** (exponent - half)


def unit(features: torch.Tensor) -> torch.Tensor:
    """Return features of length 1 along the last axis, from any finite magnitude; 0 stays 0."""
    return normalize(shifted(features, -excess_exponent(features)), dim=-1)
