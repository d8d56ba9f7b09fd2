"""The module of CUDA kernels: whether it can be used here, and how its functions are called."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from types import ModuleType
from typing import Any

import torch

from musc2.errors import DeviceError

# Ops that run on a GPU without a kernel of their own, by torch or FAISS -> the kernels they need.
_COMPOSED: dict[str, tuple[str, ...]] = {"rank_match": (), "rescore": ()}
_emulation: ModuleType | None = None


def compose(op: str, kernels: tuple[str, ...]) -> None:
    """Declare that ``op`` runs on a GPU wherever all of ``kernels`` do."""
    _COMPOSED[op] = kernels


def kernels_of(op: str) -> tuple[str, ...]:
    """Return the kernels that ``op`` needs on a GPU."""
    return _COMPOSED.get(op, (op,))


@cache
def unavailable_reason() -> str | None:
    """Return why no kernel can run on a GPU here, None when one can."""
    try:
        module = _module()
    except ModuleNotFoundError:
        return "this musc2 was built without CUDA kernels; install nvcc and build it again with MUSC2_CUDA=ON"
    except ImportError as error:
        return f"the CUDA kernels do not load ({error})"
    if problem := str(module.why_not()):
        return f"CUDA finds no GPU that it can use ({problem}); is the NVIDIA driver installed and new enough?"
    if not torch.cuda.is_available():
        return f"torch {torch.__version__} finds no GPU that it can use; install a torch with CUDA"
    return None


def require(op: str, name: str, device: torch.device) -> None:
    """An error unless ``op`` can take the argument ``name`` on this device."""
    if device.type == "cpu":
        return
    if device.type != "cuda":
        msg = f"{op}: {name} must be on a CPU or a CUDA device, got {device}; pass {name}.cpu()"
        raise DeviceError(msg)
    if reason := unavailable_reason():
        msg = f"{op}: {name} is on {device}, but {reason}; or pass {name}.cpu()"
        raise DeviceError(msg)
    if not serves(op):
        msg = f"{op}: {name} is on {device}, but {op} runs on the CPU only; pass {name}.cpu()"
        raise DeviceError(msg)


def stream(device: torch.device) -> int:
    """The cudaStream_t that is torch's current one on this device."""
    return int(torch.cuda.current_stream(device).cuda_stream) if device.type == "cuda" else 0


def serves(op: str) -> bool:
    """Whether ``op`` can run on a GPU here."""
    if unavailable_reason() is not None:
        return False
    return all(hasattr(_module(), kernel) for kernel in kernels_of(op))


class Launcher:
    """The kernels for arrays on one device, each on the stream that is torch's current one there."""

    def __init__(self, module: ModuleType, device: torch.device) -> None:
        self._module = module
        self._device = device

    def __getattr__(self, op: str) -> Callable[..., None]:
        kernel = getattr(self._module, op)

        def launch(*arguments: Any) -> None:
            with torch.cuda.device(self._device) if self._device.type == "cuda" else nullcontext():
                kernel(*arguments, stream(self._device))

        return launch

    def scratch(self, op: str, *sizes: int) -> torch.Tensor:
        """Scratch memory for a call of ``op``, as much as its ``<op>_scratch(*sizes)`` asks for."""
        return torch.empty(getattr(self._module, f"{op}_scratch")(*sizes), dtype=torch.uint8, device=self._device)


def launcher(tensor: torch.Tensor) -> Launcher | None:
    """The GPU kernels that serve ``tensor``; None when it is for the CPU's."""
    if tensor.is_cuda:
        return Launcher(_module(), tensor.device)
    return None if _emulation is None else Launcher(_emulation, tensor.device)


@contextmanager
def emulated() -> Iterator[ModuleType]:
    """Inside this block the GPU kernels serve CPU tensors, by emulation: for tests."""
    global _emulation
    before, _emulation = _emulation, importlib.import_module("musc2._cuda_emulated")
    try:
        yield _emulation
    finally:
        _emulation = before


def _module() -> ModuleType:
    return importlib.import_module("musc2._cuda")
