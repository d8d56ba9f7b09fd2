"""Read weight files and check their keys."""

from __future__ import annotations

import contextlib
import importlib.util
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from musc2 import _archives, checks
from musc2.errors import InputError

Weights = dict[str, torch.Tensor]
Shapes = Mapping[str, tuple[int, ...]]
_DEEPEST = 16
_READABLE = (".safetensors", ".bin", ".pth", ".pt", ".npz")


def read(path: Path) -> Weights:
    """Return the tensors of a file or of a folder's weight files by name, as float32.

    They may be nested in the dictionaries that training scripts add.
    """
    files = _files(path) if path.is_dir() else [path]
    state: dict[str, Any] = {}
    for file in files:
        state |= _unwrap(_read_file(file))
    tensors: Weights = {}
    for name, value in state.items():
        if isinstance(value, torch.Tensor):
            tensors[name] = value.float() if value.is_floating_point() else value
    if not tensors:
        checks.refuse("load", "weights", "must hold tensors by name", f"none in {path}")
    return tensors


def without_prefixes(state: Weights, prefixes: tuple[str, ...]) -> Weights:
    """Return the tensors under names without any leading ``prefixes``."""
    pattern = re.compile("^(?:" + "|".join(re.escape(prefix) for prefix in prefixes) + ")+")
    return {pattern.sub("", name): value for name, value in state.items()}


def shapes(state: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor by name."""
    return {name: tuple(value.shape) for name, value in state.items()}


def check_keys(name: str, actual: Shapes, expected: Shapes) -> None:
    """Raise an error that names keys that are missing, unexpected or of another shape."""
    mismatched = []
    for key in actual.keys() & expected.keys():
        if actual[key] != expected[key]:
            mismatched.append(f"{key} {actual[key]} instead of {expected[key]}")
    missing, unexpected = expected.keys() - actual.keys(), actual.keys() - expected.keys()
    refuse_keys(name, missing, unexpected, mismatched)


def refuse_keys(
    name: str,
    missing: Collection[str],
    unexpected: Collection[str],
    mismatched: Collection[str],
) -> None:
    """Raise the error of ``check_keys`` unless all three are empty."""
    kinds = {"missing": missing, "unexpected": unexpected, "of another shape": mismatched}
    problems = []
    for kind, keys in kinds.items():
        if keys:
            more = ", ..." if len(keys) > 4 else ""
            problems.append(f"{len(keys)} {kind} ({', '.join(sorted(keys)[:4])}{more})")
    if problems:
        requirement = f"must be those of {name}"
        checks.refuse("load", "weights", requirement, f"keys {', '.join(problems)}")


def _files(folder: Path) -> list[Path]:
    """Return the weight files of a folder: the first readable kind, with all its shards."""
    for suffix in _READABLE:
        files = sorted(file for file in folder.glob(f"*{suffix}") if file.is_file())
        if len(files) > 1 and not all("-of-" in file.name for file in files):
            requirement = "must be one file or a folder with one set of weights"
            got = f"{folder} with {', '.join(file.name for file in files)}"
            checks.refuse("load", "weights", requirement, got)
        if files:
            return files
    requirement = f"must be a folder with a {', '.join(_READABLE)} file"
    checks.refuse("load", "weights", requirement, folder)


def _read_file(file: Path) -> dict[str, Any]:
    if not file.is_file():
        got = f"none at {file}" if not file.exists() else f"no regular file at {file}"
        checks.refuse("load", "weights", "must be a file that exists", got)
    if file.suffix == ".safetensors":
        return _read_safetensors(file)
    try:
        _archives.check_ratio("load", "weights", file)
        if file.suffix == ".npz":
            return _read_npz(file)
        if file.suffix in _READABLE:
            with _allow_numpy_scalars():
                loaded = torch.load(file, map_location="cpu", weights_only=True)
            return loaded if isinstance(loaded, dict) else {}
    except (InputError, MemoryError):
        raise
    except Exception as error:  # torch and numpy raise whatever a damaged file leads them to
        reason = (str(error) or type(error).__name__).splitlines()[0]
        msg = f"load: weights must be readable without running code, got {file}: {reason}"
        raise InputError(msg) from error
    checks.refuse("load", "weights", f"must be a {', '.join(_READABLE)} file", file)


def _read_npz(file: Path) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    with np.load(file, allow_pickle=False) as stored:
        for name, value in stored.items():
            if value.dtype.kind in "fiu":
                arrays[name] = torch.from_numpy(value)
    return arrays


def _read_safetensors(file: Path) -> dict[str, Any]:
    if importlib.util.find_spec("safetensors") is None:
        msg = f'load: {file.name} needs the package safetensors; pip install "musc2[vit]"'
        raise InputError(msg)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(file))
    except SafetensorError as error:
        msg = f"load: weights must be a safetensors file, got {file}: {error}"
        raise InputError(msg) from error


def _allow_numpy_scalars() -> contextlib.AbstractContextManager[object]:
    """Allow numpy scalars, which training scripts store beside weights; torch before 2.5 cannot."""
    if not hasattr(torch.serialization, "safe_globals"):
        return contextlib.nullcontext()
    dtypes = [type(np.dtype(scalar)) for scalar in (np.float64, np.float32, np.int64)]
    constructor = np.float64(0).__reduce__()[0]
    return torch.serialization.safe_globals([constructor, np.dtype, *dtypes])


def _unwrap(state: dict[str, Any]) -> dict[str, Any]:
    """Return the weights inside the dictionaries of training scripts."""
    for _ in range(_DEEPEST):
        for key in ("teacher", "state_dict", "model", "base_model"):
            if isinstance(state.get(key), dict):
                state = state[key]
                break
        else:
            return state
    requirement = f"must be nested in at most {_DEEPEST} dictionaries"
    checks.refuse("load", "weights", requirement, "more, or one inside itself")
