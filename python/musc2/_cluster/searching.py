"""Tasks of workers that measure distances, to the bits of one process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from musc2 import ops
from musc2.ops._support.patch_pairs import PatchPairs

Array = NDArray[np.float32]
SAMPLED = 1024  # patches, at least, whose mean is the origin of a search


@dataclass(frozen=True, kw_only=True, eq=False)
class Search:
    """How the patches of parts are compared; window and grid: see ``ops.nearest_patches``."""

    precision: str
    window: int | None = None
    grid: tuple[int, int] | None = None

    def nearest(self, z: torch.Tensor, references: torch.Tensor | None = None) -> Array:
        """Return (n, m, L) from parts (n, L, C) to references, by default to each other."""
        d = ops.nearest_patches(
            z,
            references=references,
            precision=self.precision,
            search_window=self.window,
            grid=self.grid,
        )
        return np.ascontiguousarray(d.permute(0, 2, 1).numpy())


def among(search: Search, origin: Array | None, z: Array) -> Array:
    """Return (n, n, L) between the parts of a block.

    origin: of the search, see ``origin_of``; None if all parts are here, or in a window.
    """
    parts = torch.from_numpy(z)
    if origin is None:
        return search.nearest(parts)
    count, patches = parts.shape[:2]
    d = torch.full((count, count, patches), float("inf"))
    listed = torch.combinations(torch.arange(count))
    if len(listed):
        measured = PatchPairs(parts, precision=search.precision, origin=torch.from_numpy(origin))
        forward, back = measured.distances(listed)
        d[listed[:, 0], listed[:, 1]] = forward
        d[listed[:, 1], listed[:, 0]] = back
    return d.numpy()


def pairs(search: Search, origin: Array | None, first: Array, second: Array) -> tuple[Array, Array]:
    """Return (n, m, L) from the parts of one block to those of another, and (m, n, L) back."""
    z, other = torch.from_numpy(first), torch.from_numpy(second)
    if origin is None:
        return search.nearest(z, other), search.nearest(other, z)
    listed = torch.cartesian_prod(torch.arange(len(z)), torch.arange(len(other)))
    measured = PatchPairs(z, other, precision=search.precision, origin=torch.from_numpy(origin))
    forward, back = measured.distances(listed)
    backward = back.reshape(len(z), len(other), -1).transpose(0, 1)
    return forward.reshape(len(z), len(other), -1).numpy(), np.ascontiguousarray(backward.numpy())


def to_references(search: Search, origin: Array | None, first: Array, second: Array) -> Array:
    """Return (n, m, L) from the parts of a block to those of a block of references."""
    if origin is None:
        return search.nearest(torch.from_numpy(first), torch.from_numpy(second))
    return pairs(search, origin, first, second)[0]


def of_few(search: Search, counts: Sequence[int], *blocks: Array) -> Array | tuple[Array, ...]:
    """Return (n, m, L) of the parts of each of the first blocks to all others, measured at once.

    Others are the parts of the further blocks, or all parts if no blocks are left: one process
    cuts the parts of few pairs into pieces. counts: the parts of the first blocks.
    """
    z = torch.from_numpy(np.concatenate(blocks[: len(counts)]))
    references: torch.Tensor | None = None
    if len(blocks) > len(counts):
        references = torch.from_numpy(np.concatenate(blocks[len(counts) :]))
    d = np.split(search.nearest(z, references), np.cumsum(counts)[:-1])
    return d[0] if len(d) == 1 else tuple(d)


def origin_of(sampled: Sequence[Array], of_references: Sequence[Array] = ()) -> Array:
    """Return the origin (C,) of a search, as the kernel computes it over a whole set.

    It is the mean of sampled rows; with references, the middle of both means.
    """
    own = _mean(sampled)
    if not of_references:
        return own
    middle: Array = np.divide(own + _mean(of_references), 2, dtype=np.float32)
    return middle


def sampled_rows(z: Array, first: int, count: int) -> Array:
    """Return the rows of a block that the kernel would look at in all ``count`` parts.

    first: the number of the block's first part.
    """
    patches = z.shape[1]
    stride = max(1, count * patches // SAMPLED)
    start = -(first * patches) % stride
    rows: Array = z.reshape(-1, z.shape[2])[start::stride].copy()
    return rows


def _mean(sampled: Sequence[Array]) -> Array:
    total = np.zeros(sampled[0].shape[1])
    count = 0
    for rows in sampled:
        for row in rows:
            total += row
        count += len(rows)
    return (total / count).astype(np.float32)
