"""Put the code of a mutant into a module that is imported, or into one that will be."""

from __future__ import annotations

import gc
import importlib.machinery
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from mutations import Mutant


def swap_code(mutant: Mutant, file: str) -> None:
    """Give every function of a file the code that it has in the mutant, wherever it is held."""
    codes = {_place(code): code for code in _nested(compile(mutant.tree, file, "exec"))}
    for function in gc.get_objects():
        if type(function) is FunctionType and function.__code__.co_filename == file:
            function.__code__ = codes.get(_place(function.__code__), function.__code__)


class Loading(importlib.machinery.PathFinder):
    """Give one module the code of a mutant when it is imported."""

    def __init__(self, name: str, mutant: Mutant) -> None:
        self._name, self._mutant = name, mutant

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:  # type: ignore[override]
        spec = super().find_spec(name, path, target)
        if name == self._name and spec is not None and spec.loader is not None:
            code = compile(self._mutant.tree, str(spec.origin), "exec")
            spec.loader.get_code = lambda fullname: code  # type: ignore[attr-defined]
        return spec


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _place(code: CodeType) -> tuple[str, int]:
    return code.co_name, code.co_firstlineno
