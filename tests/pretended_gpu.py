"""A GPU that is not there: tensors that say they are on one, and kernels that are emulated.

What would fail on a real GPU fails here: arrays of one call on two devices, reading a tensor's memory without fetching
it, results that were left on the CPU.
"""

import contextlib

import pytest
import torch
from torch.overrides import TorchFunctionMode

from musc2 import _cuda_emulated
from musc2.ops._support import gpu

DEVICE = torch.device("cuda:0")
_INDEXING = {torch.Tensor.__getitem__, torch.Tensor.__setitem__}


class OnGpu(torch.Tensor):
    """A tensor that says so. What is computed from it is there too."""

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
        plain_args, plain_options = _plain((list(args), options), keep=function)
        with torch._C.DisableTorchFunctionSubclass():
            result = function(*plain_args, **plain_options)
        return result if target == "cpu" else _tagged(result)


class Pretence(TorchFunctionMode):
    """Makes tensors for the GPU, and sends them there."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        options = dict(kwargs or {})
        if _target(function, args, options) != "cuda":
            return function(*args, **options)
        args, options = _plain((list(args), options), keep=function)
        return _tagged(function(*args, **options))


@contextlib.contextmanager
def present():
    """Inside this block there is one."""
    with pytest.MonkeyPatch.context() as patch, Pretence():
        patch.setattr(gpu, "why_not", lambda: "")
        patch.setattr(gpu, "_module", lambda: _cuda_emulated)
        patch.setattr(gpu, "stream", lambda device: 0)
        patch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
        patch.setattr(torch.cuda, "device_count", lambda: 1)
        yield


def _target(function, args, options):
    """ "cpu" or "cuda" where a call names one or the like of a tensor there, else None."""
    if function is torch.Tensor.cpu:
        return "cpu"
    named = [options.get("device"), *(args[1:] if function is torch.Tensor.to else [])]
    for value in named:
        if isinstance(value, torch.Tensor):
            return value.device.type
        if isinstance(value, str | torch.device):
            return torch.device(value).type
    return None


def _check_together(function, values):
    if function in _INDEXING:  # indices may be on the CPU
        values = [values[0], *values[2:]]
    for value in values:
        parts = value if isinstance(value, list | tuple) else [value]
        if any(isinstance(part, torch.Tensor) and not isinstance(part, OnGpu) and part.ndim > 0 for part in parts):
            msg = f"expected all tensors to be on the same device in {function.__name__}"
            raise RuntimeError(msg)


def _plain(values, keep):
    """``values`` for the real function: without tags, and without a device that is not there."""
    if isinstance(values, dict):
        return {name: _plain(value, keep) for name, value in values.items() if name != "device"}
    if isinstance(values, list | tuple):
        found = [_plain(value, keep) for value in values]
        if keep is torch.Tensor.to:
            found = ["cpu" if isinstance(value, str | torch.device) else value for value in found]
        return type(values)(found) if type(values) in (list, tuple) else values
    return values.as_subclass(torch.Tensor) if isinstance(values, OnGpu) else values


def _tagged(result):
    if isinstance(result, torch.Tensor):
        return result.as_subclass(OnGpu)
    if isinstance(result, list | tuple):
        return type(result)([_tagged(part) for part in result])
    return result
