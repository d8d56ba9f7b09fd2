"""Mutual scoring, ALGORITHM.md §5: how far each patch is from every other sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from musc2 import ops

_BALANCED_ON = 64  # samples that a modality's median is taken over


@dataclass(frozen=True, kw_only=True, eq=False)
class Modality:
    """The features z (N, L, C) of one layer, those of references (R, L', C), and how to compare them."""

    z: torch.Tensor
    references: torch.Tensor | None = None
    precision: str = "auto"
    window: int | None = None
    grid: tuple[int, int] | None = None

    def part(self, samples: torch.Tensor) -> Modality:
        """The same with some of the samples only."""
        return self if len(samples) == len(self.z) else replace(self, z=self.z[samples])


def distances(modality: Modality, rows: torch.Tensor) -> torch.Tensor:
    """(n, L, N + R): from each patch of the samples ``rows`` to the other samples and the references; +inf to itself.

    All rows at once cost half of what their panels cost: then one product serves both samples of a pair.
    """
    z, every = modality.z, len(rows) == len(modality.z)
    mine = z if every else z[rows]
    found = _nearest(modality, mine, None if every else z)
    if not every:
        found[torch.arange(len(rows)), :, rows] = float("inf")
    if modality.references is None:
        return found
    return torch.cat([found, _nearest(modality, mine, modality.references)], dim=-1)


def panels(modalities: Sequence[Modality], memory: int) -> list[torch.Tensor]:
    """The rows to treat at once so that the distances of all modalities take ``memory`` bytes, or one row more."""
    samples, references = len(modalities[0].z), modalities[0].references
    others = samples + (0 if references is None else len(references))
    row = 4 * others * sum(modality.z.shape[1] for modality in modalities)
    return list(torch.split(torch.arange(samples), max(1, memory // row)))


def medians(
    modalities: Sequence[Modality], parts: Sequence[torch.Tensor], found: Sequence[torch.Tensor]
) -> list[float]:
    """Each modality's median distance over at most 64 evenly spaced samples of a set whose parts score themselves.

    ``found`` are distances at hand: used where they are those of the whole set. 1 where the median is 0.
    """
    samples = len(modalities[0].z)
    chosen = torch.linspace(0, samples - 1, min(samples, _BALANCED_ON)).round().long()
    return [
        _median([d[chosen]] if len(d) == samples else _rows_in_parts(modality, parts, chosen))
        for modality, d in zip(modalities, found, strict=True)
    ]


def _rows_in_parts(modality: Modality, parts: Sequence[torch.Tensor], chosen: torch.Tensor) -> list[torch.Tensor]:
    rows = [torch.isin(part, chosen).nonzero()[:, 0] for part in parts]
    return [distances(modality.part(part), some) for part, some in zip(parts, rows, strict=True) if len(some)]


def _median(found: Sequence[torch.Tensor]) -> float:
    finite = torch.cat([d[d.isfinite()] for d in found])
    return float(finite.median()) or 1.0


def _nearest(modality: Modality, z: torch.Tensor, references: torch.Tensor | None) -> torch.Tensor:
    found = ops.nearest_patches(
        z, references=references, precision=modality.precision, window=modality.window, grid=modality.grid
    )
    return found if isinstance(found, torch.Tensor) else found[0]
