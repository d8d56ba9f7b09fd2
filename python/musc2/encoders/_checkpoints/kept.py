"""Networks that were loaded by name, kept for the next call that names them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Generic, TypeVar

from musc2 import _forks

T = TypeVar("T")
MOST = 4  # networks; ViT-B takes a third of a gigabyte


class Kept(Generic[T]):
    """The values of the keys that were asked for last, at most ``MOST``."""

    def __init__(self) -> None:
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = _forks.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value of a key; make it where there is none."""
        with self._lock:
            if key not in self._values:
                self._values[key] = make()
            self._values.move_to_end(key)
            while len(self._values) > MOST:
                self._values.popitem(last=False)
            return self._values[key]


def version(path: Path) -> tuple[tuple[str, int, int], ...]:
    """Return name, time and size of a file or of the files of a folder."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    own: list[tuple[str, int, int]] = []
    for file in files:
        facts = file.stat()
        own.append((str(file.resolve()), facts.st_mtime_ns, facts.st_size))
    return tuple(own)
