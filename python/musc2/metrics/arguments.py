"""What figures accept: scores of any real type, labels that say yes or no, as one array or as a list of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from musc2 import checks
from musc2.errors import InputError

Array = np.ndarray[Any, Any]
Values = torch.Tensor | Array | Sequence[Any]
SMALLEST_NORMAL = 0x00800000  # the bits of the smallest float32 that is no denormal


def is_list(values: Values) -> bool:
    """Whether ``values`` are several arrays, not one."""
    return isinstance(values, list | tuple) and any(getattr(one, "ndim", 0) > 0 for one in values)


def as_arrays(op: str, name: str, values: Values) -> list[Array]:
    """``values`` as numpy arrays on the CPU, one of them unless they are a list of several."""
    if is_list(values):
        return [found for i, one in enumerate(values) for found in as_arrays(op, f"{name}[{i}]", one)]
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    try:
        found = np.asarray(values)
    except ValueError:
        msg = f"{op}: {name} must be an array of numbers, got rows of different lengths"
        raise InputError(msg) from None
    if found.dtype.kind not in "biuf" or found.ndim == 0:
        got = type(values).__name__ if found.ndim == 0 else f"numpy dtype {found.dtype}"
        msg = f"{op}: {name} must be an array of numbers, got {got}"
        raise InputError(msg)
    return [found]


def rounded(values: list[Array]) -> list[Array]:
    """``values`` as float32."""
    with np.errstate(over="ignore"):
        return [np.require(one, np.float32, ["C", "W"]) for one in values]


def in_order(values: list[Array]) -> list[Array]:
    """Float32 numbers in the order of ``values``, equal where these are: ranks, where values need more digits."""
    found = rounded(values)
    with np.errstate(invalid="ignore"):
        if all(bool((same.astype(one.dtype) == one).all()) for one, same in zip(values, found, strict=True)):
            return found
    _, ranks = np.unique(np.concatenate([one.ravel() for one in values]), return_inverse=True)
    keys = (ranks.ravel() + SMALLEST_NORMAL).astype(np.uint32).view(np.float32)
    ends = np.cumsum([one.size for one in values])[:-1]
    return [part.reshape(one.shape) for part, one in zip(np.split(keys, ends), values, strict=True)]


def as_bool(op: str, name: str, labels: list[Array]) -> list[Array]:
    """Whether labels say anomalous."""
    for one in labels:
        high = one.max(initial=0)
        if one.dtype != np.bool_ and (high not in (0, 1, 255) or not bool(((one == 0) | (one == high)).all())):
            msg = f"{op}: {name} must be bool, 0 and 1, or 0 and 255, got {one.dtype} from {one.min()} to {high}"
            raise InputError(msg)
    return [np.require(one, np.bool_, ["C", "W"]) for one in labels]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """Values, float32 without NaN, and whether they are anomalous: arrays of equal shapes, one unless ``listed``."""

    values: list[Array]
    truth: list[Array]
    listed: bool


def paired(
    op: str, names: tuple[str, str], values: Values, truth: Values, how: Callable[[list[Array]], list[Array]] = in_order
) -> Pair:
    """The arguments called ``names`` of a figure, checked; ``how`` makes values float32."""
    listed = is_list(values) or is_list(truth)
    found, known = as_arrays(op, names[0], values), as_arrays(op, names[1], truth)
    if listed:  # both, then
        found, known = (
            list(some[0]) if not is_list(given) else some for some, given in ((found, values), (known, truth))
        )
    if len(found) != len(known):
        msg = f"{op}: {names[1]} must be as many as {names[0]}, {len(found)}, got {len(known)}"
        raise InputError(msg)
    shapes, have = [one.shape for one in found], [one.shape for one in known]
    for shape, other in zip(shapes, have, strict=True):
        if shape != other:
            msg = f"{op}: {names[1]} must have the shape of {names[0]}, {shape}, got {other}"
            raise InputError(msg)
    for one in found:
        if one.dtype.kind == "f" and bool(np.isnan(one).any()):
            first = tuple(int(i) for i in np.argwhere(np.isnan(one))[0])
            msg = f"{op}: {names[0]} must hold no NaN, got one at {first}"
            raise InputError(msg)
    return Pair(values=how(found), truth=as_bool(op, names[1], known), listed=listed)


def check_limit(op: str, fpr_limit: float) -> float:
    """``fpr_limit`` as a false positive rate to stop at."""
    if not 0 < (found := checks.number(op, "fpr_limit", fpr_limit, 0)) <= 1:
        msg = f"{op}: fpr_limit must be above 0 and at most 1, got {fpr_limit!r}"
        raise InputError(msg)
    return found
