"""Put the code of a mutant into a module that is imported, or into one that will be."""

from __future__ import annotations

import gc
import importlib.machinery
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from mutations import Mutant


def functions_of(file: str) -> list[FunctionType]:
    """Return every function of a file, wherever it is held."""
    functions = []
    for held in gc.get_objects():
        if type(held) is FunctionType and held.__code__.co_filename == file:
            functions.append(held)
    return functions


def can_swap(mutant: Mutant, functions: list[FunctionType]) -> bool:
    """Return whether functions of one file can take the code that they have in the mutant.

    One that is defined in another function cannot, if it uses other variables of that one.
    """
    codes = _codes(mutant, functions)
    for function in functions:
        code = codes.get(_place(function.__code__), function.__code__)
        if len(code.co_freevars) != len(function.__code__.co_freevars):
            return False
    return True


def swap_code(mutant: Mutant, functions: list[FunctionType]) -> None:
    """Give functions of one file the code that they have in the mutant."""
    codes = _codes(mutant, functions)
    for function in functions:
        function.__code__ = codes.get(_place(function.__code__), function.__code__)


def _codes(mutant: Mutant, functions: list[FunctionType]) -> dict[tuple[str, int], CodeType]:
    """Return the code of each function of a mutant by its place."""
    file = functions[0].__code__.co_filename if functions else ""
    return {_place(code): code for code in _nested(compile(mutant.tree, file, "exec"))}


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
