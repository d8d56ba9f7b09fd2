"""The features of one layer of a bank's parts, and the distances between all of them."""

from __future__ import annotations

from typing import Any

import torch

from musc2 import ops
from musc2._bank.coreset import coresets
from musc2.config import Config
from musc2.ops._support.patch_pairs import both_directions
from musc2.stages.mutual import Measured

_GROWTH = 1.25  # of the memory for parts when it is full


class FeatureTable:
    """Features z (S, L, C) and distances d (S, S, L); the first rows hold parts.

    d[i, j, p]: from patch p of the part in row i to the nearest patch of that in row j, +inf for
    i = j. likeness: (S, S), their means over the patches. Without distances both are empty. share:
    of the patches of a part that are kept, then without distances; patches: those that it had.
    """

    def __init__(
        self,
        z: torch.Tensor | None = None,
        d: torch.Tensor | None = None,
        *,
        grid: tuple[int, int] | None = None,
        keeps_distances: bool = True,
        share: float | None = None,
        patches: int | None = None,
    ) -> None:
        self.grid = grid
        self.keeps_distances = keeps_distances and share is None
        self.share = share
        self.patches = patches
        self.z = torch.empty(0, 0, 0) if z is None else z
        self.d = torch.empty(0, 0, 0) if d is None else d
        self.likeness = self.d.mean(2) if d is not None else torch.empty(0, 0)

    @property
    def shape(self) -> tuple[int, ...]:
        """The patches and channels of a part."""
        patches, channels = self.z.shape[1:]
        return (self.patches or patches, channels)

    def measured(self, slots: torch.Tensor) -> Measured:
        """Return the distances between the parts in these rows."""
        return Measured(d=self.d, slots=slots)

    def add(self, z: torch.Tensor, start: int, config: Config) -> None:
        """Add features (n, L, C) from row ``start`` on, and measure their distances."""
        stop = start + len(z)
        self.patches = z.shape[1]
        if self.share is not None:
            z = coresets(z, self.share)
        self._reserve(stop, z)
        self.z[start:stop] = z
        if not self.keeps_distances:
            return
        patches = z.shape[1]
        step = max(1, config.memory // (4 * patches * stop))
        for first in range(start, stop, step):
            own = slice(first, min(first + step, stop))
            self._measure(own, first, config)
        self.likeness[start:stop, :stop] = self.d[start:stop, :stop].mean(2)
        self.likeness[:start, start:stop] = self.d[:start, start:stop].mean(2)

    def distances_from(self, z: torch.Tensor, config: Config) -> torch.Tensor:
        """Return (n, n, L) from all patches of the parts to those that are kept, +inf for i = j.

        z: (n, L, C), the features of the parts in the rows, before patches were left out.
        """
        count = len(z)
        d = torch.empty(count, count, z.shape[1], device=z.device)
        kept = self.z[:count].float()
        step = max(1, config.memory // (4 * z.shape[1] * count))
        for start in range(0, count, step):
            own = slice(start, start + step)
            nearest = ops.nearest_patches(
                z[own].float(), references=kept, precision=config.search_precision
            )
            d[own] = nearest.permute(0, 2, 1)
        parts = torch.arange(count)
        d[parts, parts] = float("inf")
        return d

    def move(self, source: int, target: int) -> None:
        """Move the part in row ``source``, the last one, to row ``target``."""
        if source == target:
            return
        self.z[target] = self.z[source]
        if self.keeps_distances:
            for table in (self.d, self.likeness):
                table[target, :source] = table[source, :source].clone()
                table[:source, target] = table[:source, source].clone()
                table[target, target] = float("inf")

    def _measure(self, own: slice, count: int, config: Config) -> None:
        """Measure the distances between the rows ``own``, and from and to the rows before."""
        new = self.z[own].float()
        options: dict[str, Any] = {
            "precision": config.search_precision,
            "search_window": config.window if self.grid is not None else None,
            "grid": self.grid,
        }
        among = ops.nearest_patches(new, **options)
        self.d[own, own] = among.permute(0, 2, 1)
        patches = new.shape[1]
        step = max(1, config.memory // (8 * patches * len(new)))
        for start in range(0, count, step):
            earlier = slice(start, min(start + step, count))
            forward, backward = both_directions(new, self.z[earlier].float(), **options)
            self.d[own, earlier] = forward
            self.d[earlier, own] = backward.transpose(0, 1)

    def _reserve(self, count: int, z: torch.Tensor) -> None:
        """Make room for ``count`` parts, with some more where the bank grows."""
        room = len(self.z)
        if count <= room:
            return
        rooms = count if room == 0 else max(count, int(room * _GROWTH))
        patches, channels = z.shape[1:]
        self.z = _grown(self.z, z.new_empty(rooms, patches, channels))
        if self.keeps_distances:
            floats = z.new_empty(0, dtype=torch.float32)
            self.d = _grown(self.d, floats.new_empty(rooms, rooms, patches), is_table=True)
            likeness = floats.new_empty(rooms, rooms)
            self.likeness = _grown(self.likeness, likeness, is_table=True)


def _grown(old: torch.Tensor, new: torch.Tensor, *, is_table: bool = False) -> torch.Tensor:
    """Return ``new`` with the values of ``old`` in its first rows, of a table also columns."""
    count = len(old)
    if count and is_table:
        new[:count, :count] = old
    elif count:
        new[:count] = old
    return new
