"""Mutual scoring (MSM), docs/method/algorithm.md section 5: distances to other samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from musc2 import ops
from musc2.by_modality import ByModality
from musc2.ops._support.transfer import download, upload

_MEDIAN_SAMPLES = 64  # that a modality's median distance is taken over


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """Distances that were measured before: d[slots[i], slots[j]] (L,) from sample i to j."""

    d: torch.Tensor
    slots: torch.Tensor

    def subset(self, samples: torch.Tensor) -> Measured:
        """Return the distances among some of the samples."""
        return replace(self, slots=self.slots[samples])

    def rows(self, rows: torch.Tensor) -> torch.Tensor:
        """Return a copy (n, L, N) of those from some samples to all."""
        own = self.d[self.slots[rows][:, None], self.slots]
        return own.transpose(1, 2).contiguous()


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """The features z (N, L, C) of one layer, those of references (R, L', C), and how to search.

    window and grid: see ``ops.nearest_patches``. measured: the distances among the samples, where
    they are known.
    """

    z: torch.Tensor
    references: torch.Tensor | None = None
    precision: str = "auto"
    window: int | None = None
    grid: tuple[int, int] | None = None
    measured: Measured | None = None

    def subset(self, samples: torch.Tensor) -> Features:
        """Return the features of some of the samples, with all references."""
        if len(samples) == len(self.z):
            return self
        measured = None if self.measured is None else self.measured.subset(samples)
        return replace(self, z=self.z[upload(samples, self.z.device)], measured=measured)


def distances(features: Features, rows: torch.Tensor) -> torch.Tensor:
    """Return distances (n, L, N + R) from the patches of the samples ``rows`` to all samples.

    References count as samples here. The distance to the sample itself is +inf. All rows in one
    call cost half of what panels of them cost: one product then serves both samples of a pair.
    """
    if features.measured is not None:
        return features.measured.rows(rows)
    z, is_whole = features.z, len(rows) == len(features.z)
    own = z if is_whole else z[upload(rows, z.device)]
    nearest = _nearest(features, own, None if is_whole else z)
    if not is_whole:
        own_rows = upload(rows, nearest.device)
        nearest[torch.arange(len(rows), device=nearest.device), :, own_rows] = float("inf")
    if features.references is None:
        return nearest
    return torch.cat([nearest, _nearest(features, own, features.references)], dim=-1)


def panels(features: ByModality[Features], memory: int) -> list[torch.Tensor]:
    """Return rows to treat at once so that all distances take ``memory`` bytes, or one row more."""
    first = features.values()[0]
    samples, references = len(first.z), first.references
    partners = samples + (0 if references is None else len(references))
    row_bytes = 4 * partners * sum(part.z.shape[1] for part in features.values())
    return list(torch.split(torch.arange(samples), max(1, memory // row_bytes)))


def medians(
    features: ByModality[Features],
    subsets: Sequence[torch.Tensor],
    computed: ByModality[torch.Tensor],
) -> ByModality[float]:
    """Return each modality's median distance over at most 64 evenly spaced samples.

    ``subsets`` score their own samples; ``computed`` are distances that are used if they are those
    of the whole set. 1 where the median is 0.
    """
    samples = len(features.values()[0].z)
    count = min(samples, _MEDIAN_SAMPLES)
    chosen = torch.linspace(0, samples - 1, count).round().long()
    device = features.values()[0].z.device

    def median(part: Features, d: torch.Tensor) -> torch.Tensor:
        rows = (
            [d[upload(chosen, device)]]
            if len(d) == samples
            else _rows_of_subsets(part, subsets, chosen)
        )
        values = torch.cat([d.flatten() for d in rows])
        return values.masked_fill_(~values.isfinite(), float("nan")).nanmedian()

    own = features.combine(median, computed)
    (numbers,) = download(torch.stack(own.values()))
    left = iter(numbers.tolist())
    return own.map(lambda _: float(next(left)) or 1.0)


def _rows_of_subsets(
    features: Features, subsets: Sequence[torch.Tensor], chosen: torch.Tensor
) -> list[torch.Tensor]:
    rows = [torch.isin(subset, chosen).nonzero()[:, 0] for subset in subsets]
    return [
        distances(features.subset(subset), own)
        for subset, own in zip(subsets, rows, strict=True)
        if len(own)
    ]


def _nearest(features: Features, z: torch.Tensor, references: torch.Tensor | None) -> torch.Tensor:
    return ops.nearest_patches(
        z,
        references=references,
        precision=features.precision,
        search_window=features.window,
        grid=features.grid,
    )
