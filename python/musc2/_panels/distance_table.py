"""The distances of samples to their partners, in memory or in a temporary file."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator

import torch

from musc2 import _spill
from musc2._panels.pair_lists import PairList

_CONTENT = "the distances of a layer"


class DistanceTable:
    """d (N, L, K) of N samples of L patches to K partners each, +inf where nothing was written.

    Rows are written a column at a time, so memory and file hold (N, K, L).
    """

    def __init__(self, samples: int, patches: int, columns: int, memory: int) -> None:
        """Keep the table in memory if it takes at most ``memory`` bytes."""
        self._patches = patches
        self._is_written = torch.zeros(samples, columns, dtype=torch.bool)
        size = 4 * samples * columns * patches
        self._file = None if size <= memory else _spill.temporary_file(size, _CONTENT)
        if self._file is not None:
            weakref.finalize(self, self._file.close)
        shape = (samples, columns, patches) if self._file is None else (0, 0, 0)
        self._values = torch.empty(shape)

    def write(self, listed: PairList, forward: torch.Tensor, backward: torch.Tensor) -> None:
        """Write the distances (count, L) of pairs to the rows of their first samples, and back."""
        ends = (
            (listed.pairs[:, 0], listed.columns, forward),
            (listed.pairs[:, 1], listed.back_columns, backward),
        )
        for rows, columns, values in ends:
            chosen = columns >= 0
            if bool(chosen.any()):
                self._write(rows[chosen], columns[chosen], values[chosen])

    def rows(self, rows: torch.Tensor) -> torch.Tensor:
        """Return a copy (n, L, K) of some rows."""
        d = torch.empty(len(rows), self._patches, self._is_written.shape[1])
        for index, (row, values) in enumerate(self._each(rows)):
            d[index] = values.T
            d[index, :, ~self._is_written[row]] = float("inf")
        return d

    def _write(self, rows: torch.Tensor, columns: torch.Tensor, values: torch.Tensor) -> None:
        self._is_written[rows, columns] = True
        if self._file is None:
            self._values[rows, columns] = values
            return
        size = 4 * self._patches
        offsets = (rows * self._is_written.shape[1] + columns) * size
        descriptor = self._file.fileno()
        for offset, own in zip(offsets.tolist(), values.numpy(), strict=True):
            os.pwrite(descriptor, own, offset)

    def _each(self, rows: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield each row's number and values (K, L), which the next one overwrites."""
        if self._file is None:
            for row in rows.tolist():
                yield row, self._values[row]
            return
        columns = self._is_written.shape[1]
        data = bytearray(4 * columns * self._patches)
        values = torch.frombuffer(data, dtype=torch.float32).reshape(columns, self._patches)
        view = memoryview(data)
        for row in rows.tolist():
            done, start = 0, row * len(data)
            while done < len(data):
                done += os.preadv(self._file.fileno(), [view[done:]], start + done)
            yield row, values
