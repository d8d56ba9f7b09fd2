"""Check the arrays that ops accept, and say what is wrong with an array they refuse.

Shapes, types and devices are checked for every array, values only for arrays on a CPU: on a GPU the
caller would have to wait for the computation that is still to write them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NoReturn

import numpy as np
import torch

from musc2 import _cpu, checks
from musc2._transfer import upload
from musc2.errors import DeviceError, InputError
from musc2.ops._support import dispatch

Array = torch.Tensor | np.ndarray[Any, Any]
MAX_NEIGHBORS = 1024  # of the searches among points
MAX_CLOUD_SIZE = 2**31 - 17
MAX_VALUE = 1e18  # of coordinates and colors; beyond, squared distances overflow float32
_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
TYPE_CODES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 3}  # of features, on a GPU


def tensor(
    op: str, name: str, value: Array, shape: str, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """Return ``value`` as a contiguous tensor of ``dtype`` on its device, without a copy if it can.

    ``shape`` is written as in the docs, "N, L, C"; a number in it, as in "P, 3", must be met.
    """
    checked = _checked(op, name, value, shape, (dtype,))
    return _as_zeros_and_ones(checked) if dtype == torch.bool else checked.contiguous()


def of_any_rank(op: str, name: str, value: Array) -> torch.Tensor:
    """Return an array as a tensor, and anything else as one without axes, which ops refuse."""
    is_array = isinstance(value, torch.Tensor | np.ndarray)
    return as_tensor(op, name, value) if is_array else torch.empty(())


def finite_tensor(op: str, name: str, value: Array, shape: str) -> torch.Tensor:
    """Return ``value`` as a contiguous float32 tensor; raise an error unless it is finite."""
    return finite(op, name, tensor(op, name, value, shape))


def indices(op: str, name: str, value: Array, shape: str) -> torch.Tensor:
    """Return ``value``, int32 or int64, as a new int64 tensor; shape as in ``tensor``."""
    checked = _checked(op, name, value, shape, (torch.int32, torch.int64))
    # A copy on the CPU, where values are checked and then read without the interpreter lock: the
    # caller's threads may write to theirs in between.
    return checked.to(torch.int64, copy=not checked.is_cuda).contiguous()


def features(op: str, name: str, value: Array, shape: str) -> torch.Tensor:
    """Return ``value`` as finite features, of 16 bits only where GPU kernels read them.

    Those start at a multiple of 16 bytes.
    """
    is_narrow = isinstance(value, torch.Tensor) and value.dtype in (torch.bfloat16, torch.float16)
    if not is_narrow:
        return finite_tensor(op, name, value, shape)
    narrow = tensor(op, name, value, shape, value.dtype)
    if narrow.is_cuda:
        return narrow if narrow.data_ptr() % 16 == 0 else narrow.clone()
    wide = finite(op, name, narrow.float())
    return narrow.clone() if dispatch.on_gpu(narrow) else wide


def coordinates(op: str, name: str, value: Array, shape: str) -> torch.Tensor:
    """Return ``value`` as finite coordinates whose squared distances do not overflow float32."""
    checked = finite_tensor(op, name, value, shape)
    return _bounded(op, name, checked, "must be coordinates of at most 1e18")


def images(op: str, name: str, value: Array) -> torch.Tensor:
    """Return ``value`` as finite images (N, 3, H, W) float32 of whole cells of 8 x 8 pixels."""
    checked = tensor(op, name, value, "N, 3, H, W")
    height, width = checked.shape[2:]
    if height % 8 or width % 8:
        requirement = "must have a height and width that are multiples of 8"
        checks.refuse(op, name, requirement, f"{height} x {width}")
    checked = finite(op, name, checked)
    return _bounded(op, name, checked, "must be colors of at most 1e18")


def finite(op: str, name: str, value: torch.Tensor) -> torch.Tensor:
    """Return ``value``; raise an error that locates the first NaN or infinity."""
    if value.is_cuda:
        return value
    position = torch.empty(1, dtype=torch.int64)
    _cpu.first_nonfinite(value.data_ptr(), value.numel(), position.data_ptr())
    first = int(position)
    if first >= 0:
        got = f"{float(value.flatten()[first])} at {_coordinates_of(first, value)}"
        checks.refuse(op, name, "must be finite", got)
    return value


def without_nan(op: str, name: str, value: torch.Tensor) -> torch.Tensor:
    """Return ``value``; raise an error that locates the first NaN. Infinities pass."""
    if value.is_cuda:
        return value
    position = torch.empty(1, dtype=torch.int64)
    _cpu.first_nan(value.data_ptr(), value.numel(), position.data_ptr())
    first = int(position)
    if first >= 0:
        checks.refuse(op, name, "must hold no NaN", f"one at {_coordinates_of(first, value)}")
    return value


def check_offsets(
    op: str, name: str, offsets: Array | Sequence[int] | None, total: int, item: str
) -> torch.Tensor:
    """Return ``offsets`` (B + 1,) of a packed batch of ``total`` items, as int64 on the CPU.

    None means one batch of all items.
    """
    if offsets is None:
        return torch.tensor([0, total], dtype=torch.int64)
    if isinstance(offsets, torch.Tensor | np.ndarray):
        bounds = as_tensor(op, name, offsets)
    else:
        bounds = torch.tensor(checks.wholes(op, name, offsets, 0, least=0), dtype=torch.int64)
    if bounds.dtype not in _INTEGERS or bounds.ndim != 1 or bounds.numel() < 1:
        got = f"{_dtype_name(bounds.dtype)} of shape {tuple(bounds.shape)}"
        checks.refuse(op, name, "must be (B+1,) integers", got)
    if bounds.device.type not in ("cpu", "cuda"):
        checks.refuse(op, name, "must be on a CPU or a CUDA device", bounds.device)
    bounds = bounds.to(device="cpu", dtype=torch.int64, copy=True).contiguous()
    is_rising = not bool((bounds.diff() < 0).any())
    if int(bounds[0]) != 0 or int(bounds[-1]) != total or not is_rising:
        requirement = f"must rise from 0 to the number of {item} ({total})"
        checks.refuse(op, name, requirement, bounds.tolist())
    return bounds


def cloud_offsets(
    op: str, name: str, offsets: Array | Sequence[int] | None, total: int
) -> torch.Tensor:
    """Return ``offsets`` (B + 1,) of clouds, none of them empty, of ``total`` points together."""
    bounds = check_offsets(op, name, offsets, total, "points")
    for cloud, size in enumerate(bounds.diff().tolist()):
        if size == 0:
            msg = f"{op}: cloud {cloud} has no points"
            raise InputError(msg)
        if size > MAX_CLOUD_SIZE:
            msg = f"{op}: cloud {cloud} has {size} points, more than the {MAX_CLOUD_SIZE} possible"
            raise InputError(msg)
    return bounds


def check_centers(op: str, centers: torch.Tensor, bounds: torch.Tensor) -> None:
    """Check that ``centers`` (B, G) are indices of points of their clouds, with these offsets."""
    clouds = len(bounds) - 1
    if len(centers) != clouds:
        msg = f"{op}: offsets describes {clouds} clouds but centers has rows for {len(centers)}"
        raise InputError(msg)
    if centers.is_cuda:
        return
    sizes = bounds.diff()
    outside = (centers < 0) | (centers >= sizes[:, None])
    if bool(outside.any()):
        cloud, center = outside.nonzero()[0].tolist()
        msg = (
            f"{op}: center {center} of cloud {cloud} is point {int(centers[cloud, center])}, "
            f"but the number of points in that cloud is {int(sizes[cloud])}"
        )
        raise InputError(msg)


def offsets_on_device_of(offsets: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return checked ``offsets`` on the device of ``values``."""
    if values.is_cuda and len(offsets) == 2:
        # Made there, because a CUDA graph cannot capture a copy from the CPU.
        return torch.arange(2, device=values.device) * len(values)
    return upload(offsets, values.device)


def check_same_device(op: str, **values: torch.Tensor) -> None:
    """Raise a DeviceError unless all arrays of a call are on one device."""
    first, *others = values
    device = values[first].device
    for name in others:
        if values[name].device != device:
            msg = (
                f"{op}: {name} must be on {device}, where {first} is, "
                f"got {values[name].device}; pass {name}.to({first}.device)"
            )
            raise DeviceError(msg)


def _bounded(op: str, name: str, value: torch.Tensor, requirement: str) -> torch.Tensor:
    if value.is_cuda or value.numel() == 0:
        return value
    low, high = value.aminmax()
    if max(abs(float(low)), abs(float(high))) > MAX_VALUE:
        largest = float(value.flatten()[value.abs().argmax()])
        checks.refuse(op, name, requirement, largest)
    return value


def _checked(
    op: str, name: str, value: Array, shape: str, dtypes: tuple[torch.dtype, ...]
) -> torch.Tensor:
    checked = as_tensor(op, name, value)
    rank, fixed_sizes = _parsed(shape)
    if checked.ndim != rank:
        _refuse_shape(op, name, shape, checked)
    for axis, size in fixed_sizes:
        if checked.shape[axis] != size:
            _refuse_shape(op, name, shape, checked)
    if checked.dtype not in dtypes:
        allowed = " or ".join(_dtype_name(dtype) for dtype in dtypes)
        checks.refuse(op, name, f"must be {allowed}", _dtype_name(checked.dtype))
    dispatch.require(op, name, checked.device)
    return checked


@lru_cache(maxsize=256)
def _parsed(shape: str) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Return the number of axes that ``shape`` describes, and (axis, size) where it fixes one."""
    axes = [axis.strip() for axis in shape.split(",")]
    fixed_sizes = tuple((axis, int(size)) for axis, size in enumerate(axes) if size.isdigit())
    return len(axes), fixed_sizes


def _refuse_shape(op: str, name: str, shape: str, value: torch.Tensor) -> NoReturn:
    checks.refuse(op, name, f"must have shape ({shape})", tuple(value.shape))


def _as_zeros_and_ones(mask: torch.Tensor) -> torch.Tensor:
    """Return ``mask`` with bytes 0 and 1 only; copy it if it has others, as views of uint8 may."""
    values = mask.view(torch.uint8).contiguous()
    if values.is_cuda or values.numpy().max(initial=0) > 1:
        return values != 0
    return values.view(torch.bool)


def as_tensor(op: str, name: str, value: Array) -> torch.Tensor:
    """Return ``value``, of any shape and dtype, as a tensor; share its memory where that can be."""
    if isinstance(value, torch.Tensor):
        return _plain(op, name, value)
    if isinstance(value, np.ndarray):
        try:
            writable = value if value.flags.writeable else value.copy()
            native = writable.astype(writable.dtype.newbyteorder("="), copy=False)
            return torch.from_numpy(np.ascontiguousarray(native))
        except (TypeError, ValueError):
            msg = f"{op}: {name} must be a numeric array, got numpy dtype {value.dtype}"
            raise InputError(msg) from None
    checks.refuse(op, name, "must be a torch tensor or a numpy array", type(value).__name__)


def _plain(op: str, name: str, value: torch.Tensor) -> torch.Tensor:
    """Return ``value`` as a torch.Tensor of no subclass, without gradient and lazy signs."""
    with torch._C.DisableTorchFunctionSubclass():
        if value.layout != torch.strided or value.is_nested or value.is_quantized:
            kind = "nested" if value.is_nested else "quantized" if value.is_quantized else ""
            checks.refuse(op, name, "must be a dense tensor", kind or value.layout)
        return value.detach().resolve_conj().resolve_neg().as_subclass(torch.Tensor)


def _coordinates_of(position: int, value: torch.Tensor) -> tuple[int, ...]:
    return tuple(int(axis) for axis in np.unravel_index(position, tuple(value.shape)))


def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
