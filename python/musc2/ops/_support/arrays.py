"""Arrays at the door: what an op accepts, and the error that says what it does not.

Shapes, types and devices are checked of every array. Values are only of arrays on the CPU: on a GPU that would make the
caller wait for what is still being computed there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from musc2 import _cpu
from musc2.errors import DeviceError, InputError
from musc2.ops._support import gpu

Array = torch.Tensor | np.ndarray[Any, Any]
MOST_NEIGHBORS = 1024  # that the point ops search for
TYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 3}  # of features, as GPU kernels number them


def tensor(op: str, name: str, value: Array, shape: str, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """``value`` as a contiguous tensor of ``dtype`` on its device, sharing memory where it can.

    ``shape`` is written as in the docs, "N, L, C"; a number in it, as in "P, 3", must be met.
    """
    checked = _checked(op, name, value, shape, (dtype,))
    return _as_zeros_and_ones(checked) if dtype == torch.bool else checked.contiguous()


def indices(op: str, name: str, value: Array, shape: str) -> torch.Tensor:
    """``value``, int32 or int64, as a contiguous int64 tensor; ``shape`` as in ``tensor``."""
    return _checked(op, name, value, shape, (torch.int32, torch.int64)).to(torch.int64).contiguous()


def finite(op: str, name: str, value: torch.Tensor) -> torch.Tensor:
    """``value`` unchanged, or an error that says where the first NaN or infinity is."""
    if value.is_cuda:
        return value
    position = torch.empty(1, dtype=torch.int64)
    _cpu.first_nonfinite(value.data_ptr(), value.numel(), position.data_ptr())
    if (first := int(position)) >= 0:
        where = tuple(int(i) for i in np.unravel_index(first, tuple(value.shape)))
        msg = f"{op}: {name} must be finite, got {float(value.flatten()[first])} at {where}"
        raise InputError(msg)
    return value


def features(op: str, name: str, value: Array, shape: str) -> torch.Tensor:
    """Finite features; of 16 bits only where a GPU takes them, which wants them at multiples of 16 bytes."""
    if not isinstance(value, torch.Tensor) or value.dtype not in (torch.bfloat16, torch.float16):
        return finite(op, name, tensor(op, name, value, shape))
    narrow = tensor(op, name, value, shape, value.dtype)
    if narrow.is_cuda:
        return narrow if narrow.data_ptr() % 16 == 0 else narrow.clone()
    wide = finite(op, name, narrow.float())
    return wide if gpu.launcher(narrow) is None else narrow.clone()


def coordinates(op: str, name: str, value: Array, shape: str) -> torch.Tensor:
    """Finite float32 coordinates whose squared distances do not overflow; ``shape`` as in ``tensor``."""
    found = finite(op, name, tensor(op, name, value, shape))
    if found.numel() and not found.is_cuda and max(abs(float(extreme)) for extreme in found.aminmax()) > 1e18:
        msg = f"{op}: {name} must be coordinates of at most 1e18, got {float(found.flatten()[found.abs().argmax()])}"
        raise InputError(msg)
    return found


def without_nan(op: str, name: str, value: torch.Tensor) -> torch.Tensor:
    """``value`` unchanged, or an error that says where the first NaN is; infinities pass."""
    if value.is_cuda:
        return value
    position = torch.empty(1, dtype=torch.int64)
    _cpu.first_nan(value.data_ptr(), value.numel(), position.data_ptr())
    if (first := int(position)) >= 0:
        where = tuple(int(i) for i in np.unravel_index(first, tuple(value.shape)))
        msg = f"{op}: {name} must hold no NaN, got one at {where}"
        raise InputError(msg)
    return value


def images(op: str, name: str, value: Array) -> torch.Tensor:
    """``value`` as a contiguous tensor (N, 3, H, W) float32 of whole cells of 8 x 8 pixels."""
    found = tensor(op, name, value, "N, 3, H, W")
    height, width = found.shape[2:]
    if height % 8 or width % 8:
        msg = f"{op}: {name} must have a height and width that are multiples of 8, got {height} x {width}"
        raise InputError(msg)
    return found


def check_offsets(op: str, name: str, offsets: Array | Sequence[int] | None, total: int, item: str) -> torch.Tensor:
    """Offsets (B+1,) int64, on the CPU, of a packed batch of ``total`` items; all in one when there are none."""
    if offsets is None:
        return torch.tensor([0, total], dtype=torch.int64)
    if isinstance(offsets, torch.Tensor | np.ndarray):
        found = _as_tensor(op, name, offsets)
    else:
        found = torch.tensor(list(offsets), dtype=torch.int64)
    integral = not (found.is_floating_point() or found.is_complex() or found.dtype == torch.bool)
    if found.ndim != 1 or not integral or found.numel() < 1:
        msg = f"{op}: {name} must be (B+1,) integers, got {_dtype_name(found.dtype)} of shape {tuple(found.shape)}"
        raise InputError(msg)
    found = found.to(device="cpu", dtype=torch.int64).contiguous()
    if int(found[0]) != 0 or int(found[-1]) != total or bool((found.diff() < 0).any()):
        msg = f"{op}: {name} must rise from 0 to the number of {item} ({total}), got {found.tolist()}"
        raise InputError(msg)
    return found


def clouds(op: str, name: str, offsets: Array | Sequence[int] | None, total: int) -> torch.Tensor:
    """Offsets (B+1,) int64 of clouds of ``total`` points together, none of them empty."""
    found = check_offsets(op, name, offsets, total, "points")
    for cloud, size in enumerate(found.diff().tolist()):
        if not 0 < size < 2**31 - 16:
            msg = f"{op}: cloud {cloud} must have at least one point (and fewer than 2**31 - 16), got {size}"
            raise InputError(msg)
    return found


def offsets_on_device_of(offsets: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Checked ``offsets`` on the device of ``values``."""
    if values.is_cuda and len(offsets) == 2:  # made there, because a CUDA graph cannot capture a copy from the CPU
        return torch.arange(2, device=values.device) * len(values)
    return offsets.to(values.device)


def largest_batch(offsets: torch.Tensor) -> int:
    """The size of the largest batch, 0 when there is none."""
    return max(offsets.diff().tolist(), default=0)


def check_same_device(op: str, **values: torch.Tensor) -> None:
    """An error unless all arrays of a call are on one device."""
    (first, device), *others = ((name, value.device) for name, value in values.items())
    for name, other in others:
        if other != device:
            msg = f"{op}: {name} must be on {device}, where {first} is, got {other}; pass {name}.to({first}.device)"
            raise DeviceError(msg)


def whole(op: str, name: str, value: int, low: int, high: int | None = None) -> int:
    """``value`` as an int in [low, high]."""
    good = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not good or value < low or (high is not None and value > high):
        limits = f"a whole number of at least {low}" if high is None else f"a whole number from {low} to {high}"
        msg = f"{op}: {name} must be {limits}, got {value!r}"
        raise InputError(msg)
    return int(value)


def number(op: str, name: str, value: float, low: float) -> float:
    """``value`` as a finite float of at least ``low``."""
    good = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not good or not low <= value < float("inf"):
        msg = f"{op}: {name} must be a finite number of at least {low:g}, got {value!r}"
        raise InputError(msg)
    return float(value)


def odd_degrees(op: str, degrees: Sequence[int]) -> list[int]:
    """Degrees as ascending odd whole numbers."""
    found = [whole(op, "degrees", degree, 1) for degree in degrees]
    if not found or any(degree % 2 == 0 for degree in found):
        msg = f"{op}: degrees must be odd whole numbers, at least one, got {tuple(degrees)}"
        raise InputError(msg)
    return found


def _checked(op: str, name: str, value: Array, shape: str, dtypes: tuple[torch.dtype, ...]) -> torch.Tensor:
    found = _as_tensor(op, name, value)
    sizes = [part.strip() for part in shape.split(",")]
    fits = found.ndim == len(sizes) and all(
        not want.isdigit() or int(want) == have for want, have in zip(sizes, found.shape, strict=True)
    )
    if not fits:
        msg = f"{op}: {name} must have shape ({shape}), got {tuple(found.shape)}"
        raise InputError(msg)
    if found.dtype not in dtypes:
        allowed = " or ".join(_dtype_name(dtype) for dtype in dtypes)
        msg = f"{op}: {name} must be {allowed}, got {_dtype_name(found.dtype)}"
        raise InputError(msg)
    gpu.require(op, name, found.device)
    return found


def _as_zeros_and_ones(mask: torch.Tensor) -> torch.Tensor:
    """Return ``mask`` with bytes 0 and 1 only; a view of uint8, which may have others, is copied."""
    values = mask.view(torch.uint8).contiguous()
    if values.is_cuda or values.numpy().max(initial=0) > 1:
        return values != 0
    return values.view(torch.bool)


def _as_tensor(op: str, name: str, value: Array) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value.detach()
    if isinstance(value, np.ndarray):
        try:
            with_flags = value if value.flags.writeable else value.copy()
            return torch.from_numpy(np.ascontiguousarray(with_flags))
        except TypeError:
            msg = f"{op}: {name} must be a numeric array, got numpy dtype {value.dtype}"
            raise InputError(msg) from None
    msg = f"{op}: {name} must be a torch tensor or a numpy array, got {type(value).__name__}"
    raise InputError(msg)


def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
