"""Tasks of workers that measure distances: the same, whatever else is in a block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from musc2 import ops
from musc2.ops._support.patch_pairs import both_directions

Array = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Search:
    """Where the nearest patches are looked for; window and grid: see ``ops.nearest_patches``."""

    window: int | None = None
    grid: tuple[int, int] | None = None

    def nearest(self, z: torch.Tensor, references: torch.Tensor | None = None) -> Array:
        """Return (n, m, L) from parts (n, L, C) to references, by default to each other."""
        d = ops.nearest_patches(z, references=references, search_window=self.window, grid=self.grid)
        return np.ascontiguousarray(d.permute(0, 2, 1).numpy())


def among(search: Search, z: Array) -> Array:
    """Return (n, n, L) between the parts of a block."""
    return search.nearest(torch.from_numpy(z))


def pairs(search: Search, first: Array, second: Array) -> tuple[Array, Array]:
    """Return (n, m, L) from the parts of one block to those of another, and (m, n, L) back."""
    forward, backward = both_directions(
        torch.from_numpy(first),
        torch.from_numpy(second),
        search_window=search.window,
        grid=search.grid,
    )
    back = backward.transpose(0, 1)
    return np.ascontiguousarray(forward.numpy()), np.ascontiguousarray(back.numpy())


def to_references(search: Search, first: Array, second: Array) -> Array:
    """Return (n, m, L) from the parts of a block to those of a block of references."""
    return search.nearest(torch.from_numpy(first), torch.from_numpy(second))
