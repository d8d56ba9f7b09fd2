"""What users pass, a stack, a list, a folder, a file or one array, taken apart into one item per sample."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from musc2.inputs.sources import refuse

Item = Path | Image.Image | np.ndarray[Any, Any] | torch.Tensor
_LOADING = threading.Lock()


def items(
    argument: str,
    value: object,
    split: Callable[[np.ndarray[Any, Any] | torch.Tensor], list[Item]],
    endings: Sequence[str],
) -> list[Item]:
    """The items of ``value``; ``split`` takes a lone array apart, ``endings`` are those to look for in a folder."""
    if isinstance(value, str | os.PathLike):
        found = _files(argument, Path(value), endings)
    elif isinstance(value, Image.Image):
        found = [value]
    elif is_array(value):
        array = to_array(value)
        of_objects = isinstance(array, np.ndarray) and array.dtype.kind in "OUT"
        found = [_item(argument, index, item) for index, item in enumerate(array)] if of_objects else split(array)
    elif isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        found = [_item(argument, index, item) for index, item in enumerate(value)]
    else:
        refuse(argument, "must be an array, a list of arrays, images or paths, or a folder", type(value).__name__)
    if not found:
        refuse(argument, "must hold at least one sample", "none")
    return found


def is_array(value: object) -> bool:
    """Whether ``value`` is a tensor or an array of any library."""
    return not isinstance(value, type) and any(
        hasattr(value, name) for name in ("__dlpack__", "__array__", "__array_interface__")
    )


def to_array(value: object) -> np.ndarray[Any, Any] | torch.Tensor:
    """``value`` as numpy array or tensor, sharing memory where it can; a tensor stays on its device."""
    if isinstance(value, torch.Tensor):
        return value.detach()
    if not isinstance(value, np.ndarray) and hasattr(value, "__dlpack__"):
        try:
            return np.from_dlpack(value)
        except (BufferError, RuntimeError, TypeError):  # on a GPU, or of a type that numpy lacks
            return torch.from_dlpack(value)  # type: ignore[attr-defined, no-any-return, unused-ignore]
    return np.asarray(value)


def to_numpy(value: object) -> np.ndarray[Any, Any]:
    """``value`` as a numpy array in the byte order of this machine; bfloat16 becomes float32."""
    array = to_array(value)
    if isinstance(array, torch.Tensor):
        found = array.cpu().resolve_conj().resolve_neg()
        array = (found.float() if found.dtype == torch.bfloat16 else found).numpy()
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def opened(path: Path) -> Image.Image:
    """One of PIL's images, from memory: a damaged file that is asked for more than it has would cost that much."""
    return Image.open(io.BytesIO(path.read_bytes()))


def loaded(item: Item) -> Item:
    """``item``; one of PIL's images with its pixels in memory.

    PIL reads the file on first use, which two threads must not do at once where a list holds one image twice.
    """
    if isinstance(item, Image.Image):
        with _LOADING:
            item.load()
    return item


def one_by_one(stack: np.ndarray[Any, Any] | torch.Tensor) -> list[Item]:
    """Views of the entries along the first axis."""
    return [stack[index] for index in range(stack.shape[0])]


def _item(argument: str, index: int, value: object) -> Item:
    if isinstance(value, str | os.PathLike):
        return Path(value)
    if isinstance(value, Image.Image):
        return value
    if is_array(value):
        return to_array(value)
    refuse(f"{argument}[{index}]", "must be an array, an image or a path", type(value).__name__)


def _files(argument: str, path: Path, endings: Sequence[str]) -> list[Item]:
    """The file itself, or those of a folder in the order of their stems; no folders within, no hidden files."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        refuse(argument, "must be a file or folder that exists", path)
    files = [file for file in path.iterdir() if file.is_file() and not file.name.startswith(".")]
    found = sorted((file for file in files if file.suffix.lower() in endings), key=lambda file: (file.stem, file.name))
    if not found:
        others = sorted({file.suffix.lower() for file in files})
        got = f"files that end in {', '.join(others)}" if others else "none; folders within are not searched"
        refuse(f"{argument} ({path})", f"must hold files that end in {', '.join(endings)}", got)
    return list(found)
