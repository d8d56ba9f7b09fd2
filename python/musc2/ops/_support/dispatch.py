"""Run kernels where the arrays are: on the CPU, on a GPU, or in the emulation of one."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from types import ModuleType
from typing import Any

import torch

from musc2 import _cpu, checks
from musc2.errors import DeviceError
from musc2.ops._support import cpu_quota

Argument = torch.Tensor | int | float | None
_NUMBERS = (int, float)  # a tuple, which isinstance checks faster than a union

# Ops without a CUDA kernel of their own that run on a GPU -> the kernels they need there.
_COMPOSED: dict[str, tuple[str, ...]] = {"rescore": ()}
_emulation: ModuleType | None = None
_MAX_THREADS = 4096
OLDEST = (8, 0)  # compute capability that the kernels are compiled for


def launch(
    op: str, array: torch.Tensor, *arguments: Argument, gpu_only: tuple[Argument, ...] = ()
) -> Any:
    """Run the kernel ``op`` where ``array``, its first argument, is, and return what it returns.

    Tensors are passed by address, None as the address 0. ``gpu_only`` holds arguments that only the
    CUDA kernel has, after the others; the stream, its last one, is added here.
    """
    module = _module_for(op, array)
    if module is _cpu:
        return getattr(_cpu, op)(array.data_ptr(), *_by_address(arguments))
    addresses = _by_address(arguments + gpu_only)
    with _current(array.device):
        return getattr(module, op)(array.data_ptr(), *addresses, stream(array.device))


def scratch(op: str, array: torch.Tensor, *sizes: int) -> torch.Tensor | None:
    """Allocate what ``<op>_scratch(*sizes)`` asks for on a GPU; return None on a CPU."""
    module = _module_for(op, array)
    if module is _cpu:
        return None
    with _current(array.device):  # on which the size may depend
        size = getattr(module, f"{op}_scratch")(*sizes)
    return torch.empty(size, dtype=torch.uint8, device=array.device)


def on_gpu(array: torch.Tensor) -> bool:
    """Return whether GPU kernels, real or emulated, serve ``array``."""
    return _emulation is not None or array.is_cuda


def stream(device: torch.device) -> int:
    """Return torch's current cudaStream_t on ``device``, 0 for a CPU."""
    return int(torch.cuda.current_stream(device).cuda_stream) if device.type == "cuda" else 0


def compose(op: str, kernels: tuple[str, ...]) -> None:
    """Declare that ``op`` runs on a GPU wherever all of ``kernels`` do."""
    _COMPOSED[op] = kernels


def kernels_of(op: str) -> tuple[str, ...]:
    """Return the kernels that ``op`` needs on a GPU."""
    return _COMPOSED.get(op, (op,))


def serves(op: str) -> bool:
    """Return whether ``op`` can run on a GPU here."""
    if unavailable_reason() is not None:
        return False
    return all(hasattr(_module(), kernel) for kernel in kernels_of(op))


def require(op: str, name: str, device: torch.device) -> None:
    """Raise a DeviceError unless ``op`` can take its argument ``name`` on ``device``."""
    if device.type == "cpu":
        return
    if device.type != "cuda":
        msg = f"{op}: {name} must be on a CPU or a CUDA device, got {device}; pass {name}.cpu()"
        raise DeviceError(msg)
    if reason := unavailable_reason():
        msg = f"{op}: {name} is on {device}, but {reason}; or pass {name}.cpu()"
        raise DeviceError(msg)
    if is_too_old(device):
        msg = (
            f"{op}: {name} is on {device}, a GPU older than compute capability "
            f"{OLDEST[0]}.{OLDEST[1]}; pass it on a newer one, or pass {name}.cpu()"
        )
        raise DeviceError(msg)
    if not serves(op):
        msg = f"{op}: {name} is on {device}, but {op} runs on the CPU only; pass {name}.cpu()"
        raise DeviceError(msg)


def is_too_old(device: torch.device | str) -> bool:
    """Return whether ``device`` is a GPU too old for the kernels, beside one that is not."""
    usable = torch.device(device)
    if usable.type != "cuda" or torch.cuda.device_count() < 2:
        return False  # of a single GPU ``unavailable_reason`` tells
    return torch.cuda.get_device_capability(usable) < OLDEST


@cache
def unavailable_reason() -> str | None:
    """Return why no kernel can run on a GPU here, None when one can."""
    try:
        module = _module()
    except ModuleNotFoundError:
        return (
            "this musc2 was built without CUDA kernels; "
            "install nvcc and build it again with MUSC2_CUDA=ON"
        )
    except ImportError as error:
        return f"the CUDA kernels do not load ({error})"
    if problem := str(module.why_not()):
        return (
            f"CUDA finds no GPU that it can use ({problem}); "
            "is the NVIDIA driver installed and new enough?"
        )
    if not torch.cuda.is_available():
        version = torch.__version__
        return f"torch {version} finds no GPU that it can use; install a torch with CUDA"
    return None


@contextmanager
def emulated() -> Iterator[ModuleType]:
    """Run GPU kernels on CPU tensors, by emulation, inside this block: for tests."""
    global _emulation
    before, _emulation = _emulation, importlib.import_module("musc2._cuda_emulated")
    try:
        yield _emulation
    finally:
        _emulation = before


def num_threads() -> int:
    """Return how many threads the CPU kernels use."""
    return _cpu.num_threads()


def set_num_threads(count: int | None) -> None:
    """Set how many threads the CPU kernels use.

    None: the environment variable MUSC2_NUM_THREADS, else every core this process may use, as far
    as its control group's quota goes.
    """
    if count is None:
        _cpu.set_num_threads(0)
        _keep_quota()
    else:
        _cpu.set_num_threads(checks.whole("set_num_threads", "count", count, 1, _MAX_THREADS))


def isa() -> str:
    """Return the instruction set in use; the variable MUSC2_ISA chooses a lesser one."""
    return _cpu.isa()


def multiplies_bfloat16() -> bool:
    """Return whether this CPU has instructions for products in bfloat16."""
    return _cpu.multiplies_bfloat16()


def _check_environment() -> None:
    """Warn of values of MUSC2_NUM_THREADS and MUSC2_ISA that are not used."""
    threads = os.environ.get("MUSC2_NUM_THREADS", "")
    if threads and not _is_thread_count(threads):
        requirement = f"must be a whole number from 1 to {_MAX_THREADS}"
        _warn_unused("MUSC2_NUM_THREADS", requirement, threads)
    chosen, available = os.environ.get("MUSC2_ISA", ""), _cpu.isas()
    if chosen and chosen not in available:
        requirement = f"must be one of {', '.join(available)} on this machine"
        _warn_unused("MUSC2_ISA", requirement, chosen)


def _is_thread_count(text: str) -> bool:
    is_number = text.isascii() and text.isdecimal() and len(text) <= 9
    return is_number and 1 <= int(text) <= _MAX_THREADS


def _keep_quota() -> None:
    """Use no more threads than the quota pays for, unless MUSC2_NUM_THREADS says how many.

    More of them would stand still together for the rest of each period.
    """
    quota = cpu_quota.usable_cores()
    chosen = _is_thread_count(os.environ.get("MUSC2_NUM_THREADS", ""))
    if quota is not None and not chosen and quota < _cpu.num_threads():
        _cpu.set_num_threads(quota)


def _warn_unused(variable: str, requirement: str, value: str) -> None:
    message = f"the environment variable {variable} {requirement}, got {value!r}: it is not used"
    warnings.warn(message, stacklevel=2)


def _module_for(op: str, array: torch.Tensor) -> ModuleType:
    if array.is_cuda:
        return _module()
    # The emulation has the CUDA kernels only; other ops run on the CPU inside its block, too.
    if _emulation is not None and hasattr(_emulation, op):
        return _emulation
    return _cpu


def _module() -> ModuleType:
    return importlib.import_module("musc2._cuda")


def _current(device: torch.device) -> AbstractContextManager[Any]:
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def _by_address(arguments: tuple[Argument, ...]) -> list[int | float]:
    values: list[int | float] = []
    for argument in arguments:
        if argument is None:
            values.append(0)
        elif isinstance(argument, _NUMBERS):
            values.append(argument)
        else:
            values.append(argument.data_ptr())
    return values


_check_environment()
_keep_quota()
