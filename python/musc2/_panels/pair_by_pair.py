"""All distances of a layer, pair by pair of samples, where they do not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from musc2._panels import pair_lists
from musc2._panels.distance_table import DistanceTable
from musc2._panels.pair_lists import PairList
from musc2.ops._support.patch_pairs import PatchPairs

_PAIRS = pair_lists.BLOCK**2  # that are measured together at least


def distance_table(
    z: torch.Tensor,
    references: torch.Tensor | None,
    table: torch.Tensor | None,
    *,
    memory: int,
    scratch: int,
) -> DistanceTable:
    """Return the distances of samples z (N, L, C) to their partners, each pair measured once.

    table: (N, K), see ``_panels.partners``; None for all samples and references. memory: bytes that
    distances may take; scratch: those of the search.
    """
    samples, patches, _ = z.shape
    columns = samples + (0 if references is None else len(references))
    if table is not None:
        columns = table.shape[1]
    distances = DistanceTable(samples, patches, columns, memory // 4)
    most = max(_PAIRS, memory // (32 * patches))
    within = PatchPairs(z, memory=scratch)
    lists = pair_lists.of_all(samples) if table is None else iter([pair_lists.of_table(table)])
    measure(within, lists, distances, most)
    if references is not None:
        across = PatchPairs(z, references, memory=scratch)
        if table is None:
            lists = pair_lists.with_references(samples, len(references))
        else:
            lists = iter([pair_lists.of_table_with_references(table)])
        measure(across, lists, distances, most)
    return distances


def measure(
    patches: PatchPairs, lists: Iterator[PairList], distances: DistanceTable, most: int
) -> None:
    """Measure the pairs of the lists, at most ``most`` at a time, and write their distances."""
    for listed in lists:
        for piece in listed.pieces(most):
            distances.write(piece, *patches.distances(piece.pairs))
