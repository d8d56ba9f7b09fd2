"""Backends of the op tests: instruction sets of the CPU, and a GPU, emulated or real."""

import dataclasses
import functools
import importlib.util

import numpy as np
import pytest
import torch

from musc2 import _cpu, cuda, ops
from musc2.ops._support import dispatch

ORDERS = ("forward", "reverse", "random:1", "random:2", "fair", "uneven:1")
IS_EMULATED = importlib.util.find_spec("musc2._cuda_emulated") is not None
EMULATED = importlib.import_module("musc2._cuda_emulated") if IS_EMULATED else None


def names(op):
    """Return the backends that can run an op, or a test of several ops."""
    backends = _cpu.isas()
    if IS_EMULATED and _has(EMULATED, op):
        backends.append("emulated")
    if cuda.is_available() and _has(importlib.import_module("musc2._cuda"), op):
        backends.append("cuda")
    return backends


def is_composed(op):
    """Return whether ``op`` runs on a GPU without a kernel of its own."""
    return dispatch.kernels_of(op) != (op,)


def _has(module, op):
    kernels = dispatch.kernels_of(op) if is_composed(op) or op in ops.__all__ else ()
    return all(hasattr(module, kernel) for kernel in kernels)


def too_much_for_emulation(backend, threads):
    """Skip a case with more GPU threads than can be emulated one after the other."""
    if backend == "emulated" and threads > 500_000:
        pytest.skip("too much for the emulation")


def on_gpu(op):
    """Wrap ``op``: send its arrays to the GPU and fetch its results from there."""

    @functools.wraps(op)
    def run(*arguments, **options):
        gpu_arguments = [_moved(argument, "cuda") for argument in arguments]
        gpu_options = {name: _moved(option, "cuda") for name, option in options.items()}
        return _moved(op(*gpu_arguments, **gpu_options), "cpu")

    return run


def _moved(value, device):
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.ndim > 0:
        value = torch.from_numpy(np.array(value))
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, tuple) and any(isinstance(item, torch.Tensor) for item in value):
        return tuple(_moved(item, device) for item in value)
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        moved = {name: _moved(item, device) for name, item in fields.items()}
        return dataclasses.replace(value, **moved)
    return value
