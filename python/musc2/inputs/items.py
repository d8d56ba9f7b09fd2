"""Split an argument (a stack, a list, a folder, a file or one array) into one item per sample."""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch
from PIL import Image

from musc2 import _forks
from musc2.inputs import containers
from musc2.inputs.sample import Label, Source

T = TypeVar("T")
Item = Path | Image.Image | np.ndarray[Any, Any] | torch.Tensor | containers.Entry
_LOADING = _forks.Lock()


def split_items(
    argument: Label,
    value: object,
    split: Callable[[np.ndarray[Any, Any] | torch.Tensor], list[Item]],
    endings: Sequence[str],
    last_endings: Sequence[str] = (),
) -> list[Item]:
    """Return the items of ``value``, the value of an argument.

    split: splits a single array; endings: those of the files to look for in a folder, and
    last_endings those that count where it has no such files.
    """
    if isinstance(value, str | os.PathLike):
        items = _files(argument, Path(value), endings, last_endings)
    elif isinstance(value, Image.Image):
        items = [value]
    elif is_array(value):
        array = to_array(value)
        if isinstance(array, np.ndarray) and array.dtype.kind in "OUT":  # of objects or strings
            items = [_item(argument, index, item) for index, item in enumerate(array)]
        else:
            items = split(array)
    elif isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        items = [_item(argument, index, item) for index, item in enumerate(value)]
    elif containers.is_data_set(value):
        items = list(containers.entries(value))
    elif containers.is_stream(value):
        images = containers.drain(argument, cast(Iterable[object], value))
        items = [_item(argument, index, item) for index, item in enumerate(images)]
    else:
        requirement = "must be an array, a list of arrays, images or paths, a data set, or a folder"
        argument.refuse(requirement, type(value).__name__)
    if not items:
        argument.refuse("must hold at least one sample", "none")
    return items


def sources(
    argument: Label,
    items: Sequence[Item],
    load: Callable[[Item, Label], T],
) -> list[Source[T]]:
    """Return one source per item of an argument, read by ``load``."""
    return [_source(argument, index, item, load) for index, item in enumerate(items)]


def file_source(argument: Label, path: Path, load: Callable[[Item, Label], T]) -> Source[T]:
    """Return the source of an argument that is a single file, read by ``load``."""
    return _source(argument, None, path, load)


def _source(
    argument: Label,
    index: int | None,
    item: Item,
    load: Callable[[Item, Label], T],
) -> Source[T]:
    if isinstance(item, containers.Entry):
        read = functools.partial(_load_entry, item, index, argument, load)
        return Source(argument=argument, index=index, path=None, load=read)
    return Source(
        argument=argument,
        index=index,
        path=item if isinstance(item, Path) else None,
        value=None if isinstance(item, Path) else item,
        load=functools.partial(load, item),
    )


def portable(source: Source[T]) -> Source[T]:
    """Return a source that another process can read, which is sent no more than its value.

    A view of a tensor would be sent with the whole tensor.
    """
    if source.path is None and source.value is None:
        requirement = "must be arrays, images, files or a folder with cluster"
        source.argument.refuse(requirement, "a data set")
    if not isinstance(source.value, torch.Tensor) or not isinstance(source.load, functools.partial):
        return source
    item = to_numpy(source.value)
    load = functools.partial(source.load.func, *source.load.args[:-1], item)
    return replace(source, value=item, load=load)


def _load_entry(
    entry: containers.Entry,
    index: int | None,
    argument: Label,
    load: Callable[[Item, Label], T],
    label: Label,
) -> T:
    return load(_item(argument, index or 0, entry.read()), label)


def is_array(value: object) -> bool:
    """Return whether ``value`` is a tensor or an array of any library."""
    return not isinstance(value, type) and any(
        hasattr(value, name) for name in ("__dlpack__", "__array__", "__array_interface__")
    )


def to_array(value: object) -> np.ndarray[Any, Any] | torch.Tensor:
    """Return ``value`` as an array or tensor, sharing memory if possible.

    A tensor keeps its device.
    """
    if isinstance(value, torch.Tensor):
        return value.detach()
    if not isinstance(value, np.ndarray) and hasattr(value, "__dlpack__"):
        try:
            return np.from_dlpack(value)
        except (BufferError, RuntimeError, TypeError):  # on a GPU, or of a type that numpy lacks
            from_dlpack: Any = torch.from_dlpack  # type: ignore[attr-defined, unused-ignore]
            tensor: torch.Tensor = from_dlpack(value)
            return tensor
    return np.asarray(value)


def to_numpy(value: object) -> np.ndarray[Any, Any]:
    """Return ``value`` as a numpy array in native byte order; bfloat16 becomes float32."""
    array = to_array(value)
    if isinstance(array, torch.Tensor):
        tensor = array.cpu().resolve_conj().resolve_neg()
        array = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def open_image(path: Path, label: Label) -> Image.Image:
    """Open an image from memory: PIL allocates whatever a damaged file on disk claims to hold."""
    image = Image.open(io.BytesIO(path.read_bytes()))
    label.check_pixels(image.height, image.width)
    bytes_per_value = 4 if image.mode in ("I", "F") else 1
    label.check_bytes(image.height * image.width * len(image.getbands()) * bytes_per_value)
    return image


def load_pixels(item: Item) -> Item:
    """Return ``item``, a PIL image with its pixels in memory.

    PIL reads the file on first use, which two threads must not do at once when a list holds one
    image twice.
    """
    if isinstance(item, Image.Image):
        with _LOADING:
            item.load()
    return item


def unstack(stack: np.ndarray[Any, Any] | torch.Tensor) -> list[Item]:
    """Return views of the entries along the first axis."""
    return [stack[index] for index in range(stack.shape[0])]


def _item(argument: Label, index: int, value: object) -> Item:
    if isinstance(value, str | os.PathLike):
        return Path(value)
    if isinstance(value, Image.Image):
        return value
    if is_array(value):
        return to_array(value)
    argument.item(index).refuse("must be an array, an image or a path", type(value).__name__)


def visible_files(folder: Path) -> list[Path]:
    """Return the files of a folder, broken links too, whose names do not begin with a dot."""
    visible = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return [path for path in visible if not path.is_dir()]


def _files(
    argument: Label, path: Path, endings: Sequence[str], last_endings: Sequence[str]
) -> list[Item]:
    """Return the file itself, or those of a folder by stem, without subfolders and hidden files."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        argument.refuse("must be a file or folder that exists", path)
    visible = [file for file in visible_files(path) if file.is_file()]
    files = [file for file in visible if file.suffix.lower() in endings]
    if not files:
        files = [file for file in visible if file.suffix.lower() in last_endings]
    if not files:
        other_endings = sorted({file.suffix.lower() for file in visible})
        got = "none; subfolders are not searched"
        if any(below.is_dir() for below in path.iterdir()):
            got += " without --recursive; in Python, pass a list of files"
        if other_endings:
            got = f"files that end in {', '.join(other_endings)}"
        label = replace(argument, text=f"{argument.text} ({path})")
        label.refuse(f"must hold files that end in {', '.join(endings)}", got)
    files.sort(key=lambda file: (file.stem, file.name))
    return list(files)
