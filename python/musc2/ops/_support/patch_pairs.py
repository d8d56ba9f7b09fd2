"""Both directions of pairs of samples from one product, where ``nearest_patches`` gives one.

On a CPU without a window. A GPU, and a search in a window, make a call for each direction.
"""

from __future__ import annotations

import torch

from musc2.ops._support import arrays, dispatch, magnitude
from musc2.ops.nearest_patches import CPU_MEMORY, nearest_patches

OP = "nearest_patches_of_pairs"


class PatchPairs:
    """Samples z (N, L, C), and references (R, L', C) unless pairs are within z.

    They are checked once, however many calls follow.
    """

    def __init__(
        self,
        z: torch.Tensor,
        references: torch.Tensor | None = None,
        *,
        memory: int = CPU_MEMORY,
    ) -> None:
        queries = arrays.features(OP, "z", z, "N, L, C")
        self._exponent = magnitude.excess_exponent(queries)
        self._references: torch.Tensor | None = None
        if references is not None:
            keys = arrays.features(OP, "references", references, "R, L', C")
            self._exponent = magnitude.excess_exponent(queries, keys)
            self._references = magnitude.shifted(keys, -self._exponent)
        self._z = magnitude.shifted(queries, -self._exponent)
        self._memory = memory

    def distances(self, pairs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return forward (count, L) and backward (count, L') of pairs (count, 2).

        Row (i, j) of ``pairs`` is sample i of z and sample j of the references, or of z; forward is
        from each patch of i to the nearest one of j. Distances are those of ``nearest_patches``.
        """
        z, listed = self._z, arrays.indices(OP, "pairs", pairs, "count, 2")
        keys = z if self._references is None else self._references
        address = 0 if self._references is None else keys.data_ptr() or 1
        count = len(listed)
        forward = z.new_empty(count, z.shape[1])
        backward = z.new_empty(count, keys.shape[1])
        sizes = (*z.shape, address, len(keys), keys.shape[1])
        dispatch.launch(OP, z, *sizes, self._memory, listed, count, forward, backward)
        scale = self._exponent
        return magnitude.shifted(forward, scale), magnitude.shifted(backward, scale)


def in_one_product(z: torch.Tensor, search_window: int | None) -> bool:
    """Return whether one product serves both directions of a pair."""
    return search_window is None and not dispatch.on_gpu(z)


def both_directions(
    z: torch.Tensor,
    references: torch.Tensor,
    *,
    precision: str = "auto",
    search_window: int | None = None,
    grid: tuple[int, int] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (N, R, L) from z (N, L, C) to references (R, L', C), and (N, R, L') back."""
    samples, partners = len(z), len(references)
    if in_one_product(z, search_window):
        pairs = torch.cartesian_prod(torch.arange(samples), torch.arange(partners))
        forward, backward = PatchPairs(z, references).distances(pairs)
        own_shape = (samples, partners, z.shape[1])
        return forward.reshape(own_shape), backward.reshape(samples, partners, references.shape[1])

    def nearest(queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        return nearest_patches(
            queries, references=keys, precision=precision, search_window=search_window, grid=grid
        )

    return nearest(z, references).transpose(1, 2), nearest(references, z).permute(2, 0, 1)
