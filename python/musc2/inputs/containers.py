"""Samples in the containers of torch and Python: data sets, data loaders, generators, mappings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any, cast

from torch.utils.data import IterableDataset

from musc2 import _forks
from musc2.inputs.sample import Label

_IMAGE_KEYS = ("image", "rgb")


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """One entry of a data set, read when it is needed; only one entry is read at a time."""

    data_set: Any
    index: int
    lock: _forks.Lock = field(repr=False)

    def read(self) -> object:
        """Return the image of the entry."""
        with self.lock:
            return image_of(self.data_set[self.index])


def keys_of(argument: Label, value: object) -> list[str] | None:
    """Return the keys of a mapping from names to samples; None for other values."""
    if not isinstance(value, Mapping):
        return None
    for name in value:
        if not isinstance(name, str):
            argument.refuse("must have names of parts as its keys", repr(name))
    return list(value)


def is_data_set(value: object) -> bool:
    """Return whether ``value`` has entries by number and their count, as torch's data sets do."""
    if isinstance(value, Sequence | Mapping | bytes | bytearray | IterableDataset):
        return False
    return hasattr(value, "__getitem__") and isinstance(value, Sized)


def is_stream(value: object) -> bool:
    """Return whether ``value`` gives one sample or batch after the other, in an order."""
    has_no_order = isinstance(value, set | frozenset | Mapping)
    is_text = isinstance(value, str | bytes | bytearray)
    return isinstance(value, Iterable) and not has_no_order and not is_text


def entries(data_set: object) -> list[Entry]:
    """Return the entries of a data set, not read yet."""
    lock = _forks.Lock()
    count = len(cast(Sized, data_set))
    return [Entry(data_set=data_set, index=index, lock=lock) for index in range(count)]


def drain(argument: Label, stream: Iterable[object]) -> list[object]:
    """Return the images of a generator or a data loader, whose batches are taken apart."""
    is_batched = getattr(stream, "batch_size", None) is not None and hasattr(stream, "dataset")
    images: list[object] = []
    for number, value in enumerate(stream):
        if not is_batched:
            images.append(image_of(value))
            continue
        batch = value if _is_list_of_samples(value) else image_of(value)
        if not isinstance(batch, Iterable):
            label = Label(op=argument.op, text=f"batch {number} of {argument.text}")
            label.refuse("must hold images", type(batch).__name__)
        images += map(image_of, batch)
    return images


def _is_list_of_samples(value: object) -> bool:
    """Return whether a batch is not collated: a list of images or entries."""
    if not isinstance(value, list) or not value:
        return False
    return getattr(value[0], "ndim", 0) <= 3


def image_of(value: object) -> object:
    """Return the image of an entry: a tuple's first, a dictionary's "image", else its first.

    An object with an attribute ``image`` gives that; other values are images themselves.

    >>> image_of(("a.png", 1)), image_of({"label": 1, "image": "b.png"})
    ('a.png', 'b.png')
    """
    if isinstance(value, Mapping):
        for key in _IMAGE_KEYS:
            if key in value:
                return value[key]
        return next(iter(value.values()), None)
    if isinstance(value, tuple | list):
        return value[0] if value else None
    return getattr(value, "image", value)
