"""Unordered pairs of samples in the order in which they are measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

BLOCK = 16  # samples on a side whose pairs follow each other, so that they are packed once


@dataclass(frozen=True, eq=False)
class PairList:
    """pairs (count, 2), and where their distances belong.

    columns: in the first sample's row, of the distances to the second; back_columns: in the
    second's row, of those to the first. -1: nowhere.
    """

    pairs: torch.Tensor
    columns: torch.Tensor
    back_columns: torch.Tensor

    def pieces(self, most: int) -> Iterator[PairList]:
        """Yield the list in pieces of at most ``most`` pairs."""
        parts = (self.pairs, self.columns, self.back_columns)
        for piece in zip(*(torch.split(part, most) for part in parts), strict=True):
            yield PairList(*piece)


def of_all(samples: int) -> Iterator[PairList]:
    """Yield all pairs within a set; the column of a sample is its number."""
    numbers = torch.arange(samples)
    for first in range(0, samples, BLOCK):
        for second in range(first, samples, BLOCK):
            pairs = torch.cartesian_prod(
                numbers[first : first + BLOCK], numbers[second : second + BLOCK]
            )
            pairs = pairs[pairs[:, 0] < pairs[:, 1]]
            yield PairList(pairs, pairs[:, 1], pairs[:, 0])


def with_references(samples: int, references: int) -> Iterator[PairList]:
    """Yield the pairs of samples with references, whose columns follow those of the samples."""
    numbers = torch.arange(samples)
    for first in range(0, samples, BLOCK):
        for second in range(0, references, BLOCK):
            columns = torch.arange(second, min(second + BLOCK, references))
            pairs = torch.cartesian_prod(numbers[first : first + BLOCK], columns)
            yield PairList(pairs, samples + pairs[:, 1], torch.full_like(pairs[:, 1], -1))


def of_table(table: torch.Tensor) -> PairList:
    """Return the pairs within a set that a table (N, K) of partners lists, each once.

    table[i, k]: the sample that column k of the row of sample i is about; others than 0 to N - 1
    are left out.
    """
    samples, columns = table.shape
    row = torch.arange(samples)[:, None].expand_as(table)
    column = torch.arange(columns).expand_as(table)
    is_sample = (table >= 0) & (table < samples)
    row, column, partner = row[is_sample], column[is_sample], table[is_sample]
    low, high = torch.minimum(row, partner), torch.maximum(row, partner)
    codes, numbers = torch.unique(low * samples + high, return_inverse=True)
    forward, back = torch.full_like(codes, -1), torch.full_like(codes, -1)
    is_forward = row < partner
    forward[numbers[is_forward]] = column[is_forward]
    back[numbers[~is_forward]] = column[~is_forward]
    pairs = torch.stack([codes // samples, codes % samples], 1)
    return _in_blocks(PairList(pairs, forward, back), samples)


def of_table_with_references(table: torch.Tensor) -> PairList:
    """Return the pairs of samples with references that a table lists as N and more."""
    samples = len(table)
    row, column = (table >= samples).nonzero(as_tuple=True)
    pairs = torch.stack([row, table[row, column] - samples], 1)
    most = int(table.max()) + 1
    return _in_blocks(PairList(pairs, column, torch.full_like(column, -1)), most)


def _in_blocks(listed: PairList, most: int) -> PairList:
    """Return the pairs in the order of their blocks."""
    blocks = listed.pairs // BLOCK
    order = (blocks[:, 0] * (most // BLOCK + 1) + blocks[:, 1]).argsort(stable=True)
    return PairList(listed.pairs[order], listed.columns[order], listed.back_columns[order])
