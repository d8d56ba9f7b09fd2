"""Arguments of metrics: scores of any real type and binary labels, an array or a list of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from musc2 import checks

Array = np.ndarray[Any, Any]
Values = torch.Tensor | Array | Sequence[Any]
SMALLEST_NORMAL = 0x00800000  # the bits of the smallest float32 that is no denormal


def is_list(values: Values) -> bool:
    """Return whether ``values`` are several arrays, not one."""
    if not isinstance(values, list | tuple):
        return False
    return any(getattr(item, "ndim", 0) > 0 for item in values)


def as_arrays(op: str, name: str, values: Values) -> list[Array]:
    """Return ``values`` as numpy arrays on the CPU: one, or one for each item of a list."""
    if not is_list(values):
        return [as_array(op, name, values)]
    arrays: list[Array] = []
    for index, item in enumerate(values):
        arrays += as_arrays(op, f"{name}[{index}]", item)
    return arrays


def as_array(op: str, name: str, values: Values) -> Array:
    """Return ``values`` as one numpy array of numbers on the CPU."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    requirement = "must be an array of numbers"
    try:
        array = np.asarray(values)
    except ValueError:
        checks.refuse(op, name, requirement, "rows of different lengths")
    if array.ndim == 0:
        checks.refuse(op, name, requirement, type(values).__name__)
    if array.dtype.kind not in "biuf":
        checks.refuse(op, name, requirement, f"numpy dtype {array.dtype}")
    return array


def as_float32(arrays: list[Array]) -> list[Array]:
    """Return the arrays rounded to float32."""
    with np.errstate(over="ignore"):
        return [np.require(array, np.float32, ["C", "W"]) for array in arrays]


def sort_keys(arrays: list[Array]) -> list[Array]:
    """Return float32 arrays that compare as ``arrays`` do: ranks where float32 is too coarse."""
    rounded = as_float32(arrays)
    if _are_equal(rounded, arrays):
        return rounded
    _, ranks = np.unique(np.concatenate(list(map(np.ravel, arrays))), return_inverse=True)
    keys = (ranks.ravel() + SMALLEST_NORMAL).astype(np.uint32).view(np.float32)
    ends = np.cumsum(list(map(np.size, arrays)))[:-1]
    pieces = np.split(keys, ends)
    return [piece.reshape(array.shape) for piece, array in zip(pieces, arrays, strict=True)]


def as_bool(op: str, name: str, labels: list[Array]) -> list[Array]:
    """Return labels of bool, 0 and 1, or 0 and 255 as bool; True is anomalous."""
    for array in labels:
        if array.dtype != np.bool_ and not _is_binary(array):
            got = f"{array.dtype} from {array.min()} to {array.max()}"
            checks.refuse(op, name, "must be bool, 0 and 1, or 0 and 255", got)
    return [np.require(array, np.bool_, ["C", "W"]) for array in labels]


@dataclass(frozen=True, kw_only=True, eq=False)
class LabeledValues:
    """values: float32 without NaN; labels: bool, True is anomalous.

    Both are lists of arrays of equal shapes, of a single one unless ``listed``.
    """

    values: list[Array]
    labels: list[Array]
    listed: bool


def labeled_values(
    op: str,
    names: tuple[str, str],
    values: Values,
    labels: Values,
    convert: Callable[[list[Array]], list[Array]] = sort_keys,
) -> LabeledValues:
    """Check the two arguments of a metric, called ``names``; ``convert`` makes values float32."""
    values_name, labels_name = names
    listed = is_list(values) or is_list(labels)
    value_arrays = _as_list(op, values_name, values, listed)
    label_arrays = _as_list(op, labels_name, labels, listed)
    if len(value_arrays) != len(label_arrays):
        requirement = f"must be as many as {values_name}, {len(value_arrays)}"
        checks.refuse(op, labels_name, requirement, len(label_arrays))
    for value_array, label_array in zip(value_arrays, label_arrays, strict=True):
        if value_array.shape != label_array.shape:
            requirement = f"must have the shape of {values_name}, {value_array.shape}"
            checks.refuse(op, labels_name, requirement, label_array.shape)
    for array in value_arrays:
        _check_nan(op, values_name, array)
    return LabeledValues(
        values=convert(value_arrays),
        labels=as_bool(op, labels_name, label_arrays),
        listed=listed,
    )


def check_limit(op: str, fpr_limit: float) -> float:
    """Return ``fpr_limit``, the false positive rate to integrate up to, in (0, 1]."""
    limit = checks.number(op, "fpr_limit", fpr_limit, 0)
    if not 0 < limit <= 1:
        checks.refuse(op, "fpr_limit", "must be above 0 and at most 1", repr(fpr_limit))
    return limit


def _as_list(op: str, name: str, values: Values, listed: bool) -> list[Array]:
    """Return ``values`` as arrays; with ``listed`` a stack (N, ...) becomes N arrays."""
    arrays = as_arrays(op, name, values)
    if listed and not is_list(values):
        return list(arrays[0])
    return arrays


def _are_equal(rounded: list[Array], arrays: list[Array]) -> bool:
    with np.errstate(invalid="ignore"):
        for rounded_array, array in zip(rounded, arrays, strict=True):
            if not (rounded_array.astype(array.dtype) == array).all():
                return False
    return True


def _is_binary(array: Array) -> bool:
    """Return whether the values are 0 and one of 1 and 255, or 0 alone."""
    high = array.max(initial=0)
    return high in (0, 1, 255) and bool(((array == 0) | (array == high)).all())


def _check_nan(op: str, name: str, array: Array) -> None:
    if array.dtype.kind != "f" or not np.isnan(array).any():
        return
    first = tuple(np.argwhere(np.isnan(array))[0].tolist())
    checks.refuse(op, name, "must hold no NaN", f"one at {first}")
