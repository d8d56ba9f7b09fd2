"""Pretend that there is a GPU: tensors claim to be on it, and its kernels are emulated.

What would fail on a real GPU fails here: arrays of one call on two devices, reading the memory of a
tensor without fetching it, results that were left on the CPU. What waits for the GPU is counted.
"""

import contextlib

import pytest
import torch
from torch.overrides import TorchFunctionMode

import gpu_counts
from musc2 import _cuda_emulated
from musc2.ops._support import arrays, dispatch
from musc2.progress import StageTimer

DEVICE = torch.device("cuda:0")
_INDEXING = {torch.Tensor.__getitem__, torch.Tensor.__setitem__}
_counts = gpu_counts.Counts()


class OnGpu(torch.Tensor):
    """A tensor that claims to be on the GPU, like every tensor computed from it."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        options = dict(kwargs or {})
        if function == torch.Tensor.is_cuda.__get__:
            return True
        if function == torch.Tensor.device.__get__:
            return DEVICE
        if function is torch.Tensor.numpy or function is torch.Tensor.__array__:
            msg = "can't convert a CUDA tensor to numpy"
            raise TypeError(msg)
        target = _target(function, args, options)
        if target is None:
            _check_together(function, [*args, *options.values()])
        _count_waits(function, args, options, target)
        plain_args, plain_options = _plain((list(args), options), function=function)
        with torch._C.DisableTorchFunctionSubclass(), gpu_counts.Operations(_counts):
            result = function(*plain_args, **plain_options)
        return _own(result, plain_args) if target == "cpu" else _tagged(result)


class Pinned(torch.Tensor):
    """A tensor in pinned memory; what is computed from it is not."""

    __torch_function__ = torch._C._disabled_torch_function_impl


class Pretence(TorchFunctionMode):
    """Create tensors on the GPU and move tensors to it."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        options = dict(kwargs or {})
        if function is torch.Tensor.pin_memory:
            return args[0].as_subclass(Pinned)
        if _target(function, args, options) != "cuda":
            return function(*args, **options)
        _count_upload(function, args, options)
        plain_args, plain_options = _plain((list(args), options), function=function)
        result = function(*plain_args, **plain_options)
        is_upload = function is torch.Tensor.to and not isinstance(args[0], OnGpu)
        return _tagged(_own(result, plain_args) if is_upload else result)


@contextlib.contextmanager
def present():
    """Pretend inside this block; yield the counts of what the GPU is asked for."""
    global _counts
    _counts = gpu_counts.Counts()
    module = gpu_counts.Module(_cuda_emulated, _counts)
    with pytest.MonkeyPatch.context() as patch, Pretence():
        patch.setattr(dispatch, "unavailable_reason", lambda: None)
        patch.setattr(arrays, "_plain", lambda op, name, value: value.detach())  # keeps OnGpu
        patch.setattr(dispatch, "_module", lambda: module)
        patch.setattr(torch.cuda, "current_stream", lambda device=None: gpu_counts.Stream(_counts))
        patch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
        patch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
        patch.setattr(torch.cuda, "device_count", lambda: 1)
        patch.setattr(StageTimer, "stage", _counted_stage)
        yield _counts


_stage = StageTimer.stage


@contextlib.contextmanager
def _counted_stage(timer, name):
    before, _counts.stage = _counts.stage, name
    try:
        with _stage(timer, name):
            yield
    finally:
        _counts.stage = before


def _count_waits(function, args, options, target):
    """Count what reads the GPU's memory at once, and indices that are fetched from the CPU's."""
    name = function.__name__
    if name in gpu_counts.READING or (target == "cpu" and not options.get("non_blocking")):
        _counts.wait(name)
    if function in _INDEXING:
        index = args[1] if isinstance(args[1], tuple) else (args[1],)
        if any(isinstance(item, list) or _is_array_on_cpu(item) for item in index):
            _counts.wait(f"{name} with indices on the CPU")


def _count_upload(function, args, options):
    """Count copies from pageable memory, which wait for the stream, and what the GPU fills."""
    if function in (torch.tensor, torch.as_tensor):
        _counts.wait(f"torch.{function.__name__}")
    elif function is torch.Tensor.to and not isinstance(args[0], OnGpu):
        is_pinned = isinstance(args[0], Pinned) and options.get("non_blocking")
        if not is_pinned:
            _counts.wait("a copy from pageable memory")
    elif function is not torch.Tensor.to and function is not torch.empty:
        _counts.launch(function.__name__)


def _target(function, args, options):
    """Return the type of the device that a call names, itself or by a tensor on it, else None."""
    if function is torch.Tensor.cpu:
        return "cpu"
    targets = [options.get("device")]
    if function is torch.Tensor.to:
        targets += args[1:]
    for value in targets:
        if isinstance(value, torch.Tensor):
            return value.device.type
        if isinstance(value, str | torch.device):
            return torch.device(value).type
    return None


def _check_together(function, values):
    if function in _INDEXING:  # indices may be on the CPU
        values = [values[0], *values[2:]]
    for value in values:
        items = value if isinstance(value, list | tuple) else [value]
        if any(_is_array_on_cpu(item) for item in items):
            msg = f"expected all tensors to be on the same device in {function.__name__}"
            raise RuntimeError(msg)


def _is_array_on_cpu(value):
    is_on_cpu = isinstance(value, torch.Tensor) and not isinstance(value, OnGpu)
    return is_on_cpu and value.ndim > 0


def _plain(values, function):
    """Return ``values`` for the real function: plain tensors, and no device that does not exist."""
    if isinstance(values, dict):
        return {name: _plain(value, function) for name, value in values.items() if name != "device"}
    if isinstance(values, list | tuple):
        plain = [_plain(value, function) for value in values]
        if function is torch.Tensor.to:
            plain = ["cpu" if isinstance(value, str | torch.device) else value for value in plain]
        return type(values)(plain) if type(values) in (list, tuple) else values
    return values.as_subclass(torch.Tensor) if isinstance(values, OnGpu) else values


def _own(result, args):
    """Return a copy of a result that is an argument: CPU and GPU have a memory each."""
    is_argument = isinstance(result, torch.Tensor) and result is args[0]
    return result.clone() if is_argument else result


def _tagged(result):
    if isinstance(result, torch.Tensor):
        return result.as_subclass(OnGpu)
    if isinstance(result, list | tuple):
        return type(result)([_tagged(item) for item in result])
    return result
