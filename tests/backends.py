"""What op tests run on: the CPU's instruction sets, the emulated GPU where it is built, a GPU where there is one."""

import dataclasses
import functools
import importlib.util

import numpy as np
import pytest
import torch

from musc2 import _cpu, cuda, ops
from musc2.ops._support import gpu

ORDERS = ("forward", "reverse", "random:1", "random:2", "fair", "uneven:1")
IS_EMULATED = importlib.util.find_spec("musc2._cuda_emulated") is not None
EMULATED = importlib.import_module("musc2._cuda_emulated") if IS_EMULATED else None


def names(op):
    """The backends that can run an op, or a test of several."""
    found = _cpu.isas()
    if IS_EMULATED and _has(EMULATED, op):
        found.append("emulated")
    if cuda.is_available() and _has(importlib.import_module("musc2._cuda"), op):
        found.append("cuda")
    return found


def _has(module, op):
    is_composed = gpu.kernels_of(op) != (op,)
    kernels = gpu.kernels_of(op) if is_composed or op in ops.__all__ else ()
    return all(hasattr(module, kernel) for kernel in kernels)


def too_much_for_emulation(backend, threads):
    """Skips a case that would keep this many threads busy on a GPU, where they are emulated one by one."""
    if backend == "emulated" and threads > 500_000:
        pytest.skip("too much for the emulation")


def on_gpu(op):
    """The op with its arrays sent to the GPU and its results fetched from there."""

    @functools.wraps(op)
    def run(*arguments, **options):
        sent = [_moved(argument, "cuda") for argument in arguments]
        return _moved(op(*sent, **{name: _moved(option, "cuda") for name, option in options.items()}), "cpu")

    return run


def _moved(value, device):
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.ndim > 0:
        value = torch.from_numpy(np.array(value))
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, tuple) and any(isinstance(part, torch.Tensor) for part in value):
        return tuple(_moved(part, device) for part in value)
    if dataclasses.is_dataclass(value):
        parts = {field.name: _moved(getattr(value, field.name), device) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **parts)
    return value
