"""Count what a pretended GPU is asked for: waits of the caller, kernel launches, copies."""

from __future__ import annotations

import traceback
from collections import Counter
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode

import musc2

PACKAGE = str(Path(musc2.__file__).parent)
# Functions that read a tensor's values; the others are seen by the operations they consist of.
READING = ("cpu", "tolist", "numpy", "equal", "allclose")
WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "_unique", "unique_dim", "equal")
NO_LAUNCH = (
    "alias", "detach", "empty", "expand", "lift_fresh", "permute", "resolve", "select", "slice",
    "split", "squeeze", "t.", "transpose", "unbind", "unfold", "unsqueeze", "view",
)  # fmt: skip


class Counts:
    """waits: where the caller waited for the GPU; launches: of operations and kernels by stage."""

    def __init__(self) -> None:
        self.stage = ""
        self.waits: list[tuple[str, str, str]] = []
        self.launches: Counter[str] = Counter()
        self.kernels: Counter[str] = Counter()

    def wait(self, reason: str) -> None:
        """Note that the caller waits, with the line of the package that does."""
        self.waits.append((self.stage, reason, _line_of_package()))

    def launch(self, name: str) -> None:
        """Note a launch."""
        self.launches[self.stage] += 1
        self.kernels[name] += 1

    def waits_of(self, stage: str) -> list[tuple[str, str, str]]:
        """Return the waits of a stage."""
        return [wait for wait in self.waits if wait[0] == stage]


class Operations(TorchDispatchMode):
    """Count the operations of a block, all of which run on the GPU."""

    def __init__(self, counts: Counts) -> None:
        super().__init__()
        self._counts = counts

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = str(function).removeprefix("aten.")
        if name.startswith(WAITING) or _reads_mask(name, args):
            self._counts.wait(name)
        elif not name.startswith(NO_LAUNCH):
            self._counts.launch(name)
        return function(*args, **(kwargs or {}))


class Module:
    """The emulated kernels, whose calls count as launches."""

    def __init__(self, module: object, counts: Counts) -> None:
        self._module, self._counts = module, counts

    def __getattr__(self, name: str) -> object:
        kernel = getattr(self._module, name)
        if name.endswith("_scratch"):
            return kernel

        def counted(*arguments: object) -> object:
            self._counts.launch(name)
            return kernel(*arguments)

        return counted


class Stream:
    """The stream of a pretended GPU."""

    cuda_stream = 0

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def synchronize(self) -> None:
        """Count a wait."""
        self._counts.wait("stream")


def _reads_mask(name: str, args: tuple) -> bool:
    """Return whether an operation turns a mask into indices, whose number it has to know."""
    if not name.startswith(("index.", "index_put")):
        return False
    has_mask = any(index is not None and index.dtype == torch.bool for index in args[1])
    is_fill = name.startswith("index_put") and args[2].numel() == 1 and len(args[1]) == 1
    return has_mask and not is_fill


def _line_of_package() -> str:
    for frame in reversed(traceback.extract_stack()):
        if frame.filename.startswith(PACKAGE) and "progress.py" not in frame.filename:
            return f"{frame.filename.removeprefix(PACKAGE)}:{frame.lineno}"
    return ""
