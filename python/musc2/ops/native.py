"""The native module's own settings: threads and instruction sets."""

from __future__ import annotations

from musc2 import _cpu
from musc2.ops import arrays


def num_threads() -> int:
    """How many threads the kernels use."""
    return _cpu.num_threads()


def set_num_threads(count: int | None) -> None:
    """Sets how many threads the kernels use; None: MUSC2_NUM_THREADS, else the cores this process may use."""
    _cpu.set_num_threads(0 if count is None else arrays.whole("set_num_threads", "count", count, 1, 4096))


def isa() -> str:
    """The instruction set in use; the variable MUSC2_ISA chooses a lesser one."""
    return _cpu.isa()
