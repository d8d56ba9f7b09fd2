"""Weight files: reading them, and the errors about their keys."""

from __future__ import annotations

import contextlib
import importlib.util
import pickle
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from musc2.errors import InputError

Weights = dict[str, torch.Tensor]
Shapes = Mapping[str, tuple[int, ...]]
_READABLE = (".safetensors", ".bin", ".pth", ".pt", ".npz")


def read(path: Path) -> Weights:
    """All tensors of a file or of a folder's weight files, float32, out of the wrappers that training scripts add."""
    files = _files(path) if path.is_dir() else [path]
    state: dict[str, Any] = {}
    for file in files:
        state |= _unwrapped(_read_file(file))
    found = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    if not found:
        msg = f"load: weights must hold tensors by name, got none in {path}"
        raise InputError(msg)
    return {name: value.float() if value.is_floating_point() else value for name, value in found.items()}


def without_prefixes(state: Weights, prefixes: tuple[str, ...]) -> Weights:
    """The same tensors under names from which all leading ``prefixes`` are gone."""
    pattern = re.compile("^(?:" + "|".join(re.escape(prefix) for prefix in prefixes) + ")+")
    return {pattern.sub("", name): value for name, value in state.items()}


def check_keys(name: str, found: Shapes, wanted: Shapes) -> None:
    """An error that names the keys which are missing, unexpected or of another shape. Both: shapes by key."""
    wrong = {key for key in found.keys() & wanted.keys() if found[key] != wanted[key]}
    shapes = {f"{key} {found[key]} instead of {wanted[key]}" for key in wrong}
    refuse_keys(name, wanted.keys() - found.keys(), found.keys() - wanted.keys(), shapes)


def refuse_keys(name: str, missing: Collection[str], unexpected: Collection[str], wrong: Collection[str]) -> None:
    """The same error from the three findings; none of them is no error."""
    faults = [
        f"{len(keys)} {kind} ({', '.join(sorted(keys)[:4])}{', ...' if len(keys) > 4 else ''})"
        for kind, keys in (("missing", missing), ("unexpected", unexpected), ("of another shape", wrong))
        if keys
    ]
    if faults:
        msg = f"load: weights must be those of {name}, got keys {', '.join(faults)}"
        raise InputError(msg)


def _files(folder: Path) -> list[Path]:
    """The weight files of a folder: all shards of the first kind that is there."""
    for ending in _READABLE:
        found = sorted(file for file in folder.iterdir() if file.suffix == ending and file.is_file())
        if len(found) > 1 and not all("-of-" in file.name for file in found):
            names = ", ".join(file.name for file in found)
            msg = f"load: weights must be one file or a folder with one set of weights, got {folder} with {names}"
            raise InputError(msg)
        if found:
            return found
    msg = f"load: weights must be a folder with a {', '.join(_READABLE)} file, got {folder}"
    raise InputError(msg)


def _read_file(file: Path) -> dict[str, Any]:
    if file.suffix == ".safetensors":
        return _read_safetensors(file)
    try:
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as stored:
                return {
                    name: torch.from_numpy(stored[name]) for name in stored.files if stored[name].dtype.kind in "fiu"
                }
        if file.suffix in _READABLE:
            with _figures_allowed():
                loaded = torch.load(file, map_location="cpu", weights_only=True)
            return loaded if isinstance(loaded, dict) else {}
    except (OSError, ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        msg = f"load: weights must be readable without running code, got {file}: {str(error).splitlines()[0]}"
        raise InputError(msg) from error
    msg = f"load: weights must be a {', '.join(_READABLE)} file, got {file}"
    raise InputError(msg)


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


def _figures_allowed() -> contextlib.AbstractContextManager[object]:
    """Training scripts store figures as numpy scalars beside the weights; torch before 2.5 refuses them."""
    if not hasattr(torch.serialization, "safe_globals"):
        return contextlib.nullcontext()
    kinds = [type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64)]
    return torch.serialization.safe_globals([np.float64(0).__reduce__()[0], np.dtype, *kinds])


def _unwrapped(state: dict[str, Any]) -> dict[str, Any]:
    for key in ("teacher", "state_dict", "model", "base_model"):
        if isinstance(state.get(key), dict):
            return _unwrapped(state[key])
    return state
