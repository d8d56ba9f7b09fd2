"""Which native kernels serve a call, and the CPU module's own settings: threads and instruction sets."""

from __future__ import annotations

from typing import Any

import torch

from musc2 import _cpu
from musc2.ops._support import arrays, gpu


def kernels(tensor: torch.Tensor) -> Any:
    """The kernels where ``tensor`` is: the module ``_cpu``, or a ``gpu.Launcher`` with the functions of ``_cuda``."""
    return gpu.launcher(tensor) or _cpu


def num_threads() -> int:
    """How many threads the kernels use."""
    return _cpu.num_threads()


def set_num_threads(count: int | None) -> None:
    """Sets how many threads the kernels use; None: MUSC2_NUM_THREADS, else the cores this process may use."""
    _cpu.set_num_threads(0 if count is None else arrays.whole("set_num_threads", "count", count, 1, 4096))


def isa() -> str:
    """The instruction set in use; the variable MUSC2_ISA chooses a lesser one."""
    return _cpu.isa()
