"""Follow the tokens of a call of score_tokens through the files of the package."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class _Tokens(TorchFunctionMode):
    """The storages of the tokens and of every tensor that torch computes from them."""

    def __init__(self, tokens: torch.Tensor) -> None:
        super().__init__()
        self._kept: list[torch.Tensor] = []  # so that no address is used again
        self._storages: set[int] = set()
        self.add(tokens)

    def add(self, value: Any) -> None:
        for tensor in _tensors(value):
            self._kept.append(tensor)
            self._storages.add(tensor.untyped_storage().data_ptr())

    def are_in(self, value: Any) -> bool:
        storages = [tensor.untyped_storage().data_ptr() for tensor in _tensors(value)]
        return any(storage in self._storages for storage in storages if storage)

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        if self.are_in([*args, *(kwargs or {}).values()]):
            self.add(result)
        return result


def _tensors(value: Any, depth: int = 3) -> list[torch.Tensor]:
    """Return the tensors in a value: itself, or those of containers and dataclasses."""
    if isinstance(value, torch.Tensor):
        return [value]
    if depth == 0 or isinstance(value, type):
        return []
    items: list[Any] = []
    if dataclasses.is_dataclass(value):
        items = [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    elif isinstance(value, list | tuple):
        items = list(value)
    elif isinstance(value, dict):
        items = list(value.values())
    return [tensor for item in items for tensor in _tensors(item, depth - 1)]


def visits() -> list[str]:
    """Return the files that receive tokens during ``score_tokens``, in order.

    Tokens are its argument and what is computed from it. A file receives them when one of its
    functions is called with them; a call from one function to another counts once, however often it
    is made, and so does a stay in a file. Methods of what holds the tokens do not count.
    """
    import musc2

    generator = torch.Generator().manual_seed(0)
    argument = torch.rand(4, 2, 4, 4, 8, generator=generator)
    package = Path(musc2.__file__).parent
    calls: dict[tuple[str, str], str] = {}
    tokens = _Tokens(argument)
    carrying: set[int] = set()

    def watch(frame: FrameType, event: str, result: Any) -> None:
        code = frame.f_code
        if not code.co_filename.startswith(str(package)):
            return
        if event == "return" and id(frame) in carrying:
            carrying.discard(id(frame))
            tokens.add(result)
        elif event == "call" and code.co_name not in ("<lambda>", "<listcomp>", "<dictcomp>"):
            names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            values = [frame.f_locals.get(name) for name in names if name != "self"]
            if tokens.are_in(values):
                carrying.add(id(frame))
                caller = frame.f_back.f_code.co_name if frame.f_back else ""
                calls.setdefault((caller, f"{code.co_filename}:{code.co_name}"), code.co_filename)

    with tokens:
        sys.setprofile(watch)
        try:
            musc2.score_tokens(argument, image_size=(16, 16))
        finally:
            sys.setprofile(None)
    files: list[str] = []
    for path in calls.values():
        name = str(Path(path).relative_to(package))
        if not files or files[-1] != name:
            files.append(name)
    return files


def above_kernels(files: list[str]) -> list[str]:
    """Return the visits without those to ops/."""
    above = [file for file in files if not file.startswith("ops/")]
    return [file for index, file in enumerate(above) if above[index - 1 : index] != [file]]


def count(files: list[str]) -> tuple[int, int]:
    """Return how many different files there are, and how many returns to one already left."""
    return len(set(files)), len(files) - len(set(files))


if __name__ == "__main__":
    visited = visits()
    print(*visited, sep="\n")
    print("files and returns:", count(visited))
    print("above the kernels:", count(above_kernels(visited)))
