"""Find exact copies among files and arrays, without reading more of them than that takes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from musc2.inputs import items
from musc2.inputs.limits import kind_of_special_file
from musc2.inputs.sample import Source

T = TypeVar("T")
_BLOCK = 1 << 16  # bytes that are compared before whole files are
_SAMPLES = 1024  # values that are compared before whole arrays are


def copies(sources: Sequence[Source[Any]]) -> list[list[Source[Any]]]:
    """Return the groups of sources with equal files, or with equal arrays in memory.

    Sizes are compared first, then some of the contents, then all of them.
    """
    files: list[Source[Any]] = []
    arrays: list[Source[Any]] = []
    for source in sources:
        if source.path is not None:
            files.append(source)
        elif _is_readable_array(source.value):
            arrays.append(source)
    groups: list[list[Source[Any]]] = []
    for group, keys in (
        (files, (_file_size, _file_ends, _file_contents)),
        (arrays, (_array_kind, _array_samples, _array_contents)),
    ):
        same = [group]
        for key in keys:
            candidates, same = same, []
            for members in candidates:
                same += _repeated(members, key)
        groups += same
    return groups


def _repeated(values: Sequence[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Return the groups of two or more values with one key; None is no key."""
    groups: dict[Hashable, list[T]] = {}
    for value in values:
        name = key(value)
        if name is not None:
            groups.setdefault(name, []).append(value)
    return [group for group in groups.values() if len(group) > 1]


def _file_size(source: Source[Any]) -> int | None:
    try:
        return _path(source).stat().st_size or None
    except OSError:
        return None


def _file_ends(source: Source[Any]) -> bytes | None:
    """Return the first and the last bytes of a file."""
    try:
        with _path(source).open("rb") as file:
            first = file.read(_BLOCK)
            file.seek(-min(_BLOCK, file.seek(0, 2)), 2)
            return first + file.read(_BLOCK)
    except OSError:
        return None


def _file_contents(source: Source[Any]) -> bytes | None:
    try:
        with _path(source).open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
            return digest.digest()
    except OSError:
        return None


def _path(source: Source[Any]) -> Path:
    """Return the path of a source; raise an OSError unless it is a regular file."""
    path = source.path or Path()
    if kind_of_special_file(path) is not None:
        raise OSError
    return path


def _is_readable_array(value: object) -> bool:
    is_on_gpu = isinstance(value, torch.Tensor) and value.device.type != "cpu"
    return isinstance(value, np.ndarray | torch.Tensor) and not is_on_gpu


def _array_kind(source: Source[Any]) -> tuple[Any, ...]:
    values = items.to_array(source.value)
    return tuple(values.shape), str(values.dtype)


def _array_samples(source: Source[Any]) -> bytes:
    values = items.to_numpy(source.value)
    strides = [slice(None, None, max(1, side // 10)) for side in values.shape]
    return bytes(np.ascontiguousarray(values[tuple(strides)]).tobytes()[: 8 * _SAMPLES])


def _array_contents(source: Source[Any]) -> bytes:
    values = np.ascontiguousarray(items.to_numpy(source.value))
    return hashlib.sha256(values.tobytes()).digest()
