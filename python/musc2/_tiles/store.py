"""The tokens of all tiles of a set, in memory or in a scratch file."""

from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Sequence

import numpy as np
import torch

from musc2 import _spill


class TokenStore:
    """Tokens of ``tiles`` positions in ``parts`` parts, each of ``shape``, position by position.

    What takes more than ``memory`` bytes lies in a file that vanishes with the store. It is read
    and written, not mapped: mapped pages would count as memory that the process takes.
    """

    def __init__(self, tiles: int, parts: int, shape: Sequence[int], memory: int) -> None:
        self.tiles, self.parts, self.shape = tiles, parts, tuple(shape)
        self._row_bytes = 4 * math.prod(self.shape)
        self._memory: torch.Tensor | None = None
        total = tiles * parts * self._row_bytes
        if total <= memory:
            self._memory = torch.empty(tiles, parts, *self.shape)
        else:
            self._file = _spill.temporary_file(total, "the tokens of the tiles")
            weakref.finalize(self, self._file.close)

    @property
    def is_file(self) -> bool:
        """Return whether the tokens lie in a file."""
        return self._memory is None

    def write(self, part: int, first: int, tokens: torch.Tensor) -> None:
        """Keep the tokens (n, ...) of the tiles from ``first`` on of one part."""
        if self._memory is not None:
            self._memory[first : first + len(tokens), part] = tokens
            return
        for tile, values in enumerate(tokens.cpu().contiguous().numpy(), start=first):
            self._seek(tile, part)
            source = values.data.cast("B")
            while len(source):
                source = source[self._file.write(source) :]

    def read(self, tile: int, rows: Sequence[int]) -> torch.Tensor:
        """Return the tokens (n, ...) of one position in the parts ``rows``, which rise."""
        if self._memory is not None:
            return self._memory[tile, list(rows)]
        tokens = np.empty((len(rows), *self.shape), np.float32)
        bounds = [0, *_breaks(rows), len(rows)]
        for first, end in itertools.pairwise(bounds):
            if first < end:
                self._seek(tile, rows[first])
                target = tokens[first:end].data.cast("B")
                while len(target):
                    target = target[self._read_into(target) :]
        return torch.from_numpy(tokens)

    def _read_into(self, target: memoryview) -> int:
        count: int | None = self._file.readinto(target)
        if not count:
            msg = "score: the scratch file of the tiles ends early"
            raise OSError(msg)
        return count

    def _seek(self, tile: int, part: int) -> None:
        self._file.seek((tile * self.parts + part) * self._row_bytes)


def _breaks(rows: Sequence[int]) -> list[int]:
    """Return where a row does not follow the one before it."""
    return [index for index in range(1, len(rows)) if rows[index] != rows[index - 1] + 1]
