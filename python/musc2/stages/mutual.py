"""Mutual scoring (MSM), docs/method/algorithm.md section 5: distances to other samples."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from musc2 import ops
from musc2._panels.distance_table import DistanceTable
from musc2._panels.pair_by_pair import distance_table
from musc2._transfer import upload
from musc2.by_modality import ByModality
from musc2.ops._support.patch_pairs import in_one_product
from musc2.ops.nearest_patches import CPU_MEMORY
from musc2.stages import copies


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """Distances that were measured before: d[slots[i], slots[j]] (L,) from sample i to j."""

    d: torch.Tensor
    slots: torch.Tensor

    def subset(self, samples: torch.Tensor) -> Measured:
        """Return the distances among some of the samples."""
        return replace(self, slots=self.slots[samples])

    def between(self, rows: torch.Tensor, partners: torch.Tensor) -> torch.Tensor:
        """Return a copy (n, L, K) of those from some samples to K partners each, -1 for none."""
        own = self.d[self.slots[rows][:, None], self.slots[partners]]
        own[partners < 0] = float("inf")
        return own.transpose(1, 2).contiguous()

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


@dataclass(frozen=True, kw_only=True, eq=False)
class RowSource:
    """The distances of samples to their partners: kept, or measured when they are looked at.

    table: (N, K), see ``_panels.partners``; None for all samples and references. left_out: (N, K)
    bool, the copies of a sample, to which distances are +inf. memory: bytes for the search.
    """

    features: Features
    table: torch.Tensor | None
    left_out: torch.Tensor | None
    memory: int | None
    kept: DistanceTable | None = None

    def rows(self, rows: torch.Tensor) -> torch.Tensor:
        """Return a copy (n, L, K) of the distances of some samples to their K partners."""
        if self.kept is not None:
            d = self.kept.rows(rows)
        elif self.table is None:
            d = distances(self.features, rows, self.memory)
        else:
            d = distances_to(self.features, rows, self.table[rows], self.memory)
        if self.left_out is not None:
            copies.leave_out(d, self.left_out[rows])
        return d


def row_source(
    features: Features,
    *,
    memory: int,
    table: torch.Tensor | None = None,
    left_out: torch.Tensor | None = None,
) -> RowSource:
    """Return the distances of a layer, of which at most ``memory`` bytes are in memory at once.

    Half of that is for the rows that are looked at. All rows in one product, pairs whose distances
    go to a file, and rows one after the other give the same bits.
    """
    z, references = features.z, features.references
    columns = len(z) + (0 if references is None else len(references))
    fits = 4 * len(z) * z.shape[1] * columns <= memory // 2
    scratch = _scratch(features, memory)
    source = RowSource(features=features, table=table, left_out=left_out, memory=scratch)
    is_known = features.measured is not None or (table is None and fits)
    if is_known or not in_one_product(z, features.window):
        return source
    kept = distance_table(z, references, table, memory=memory, scratch=scratch or CPU_MEMORY)
    return replace(source, kept=kept)


def distances(features: Features, rows: torch.Tensor, memory: int | None = None) -> torch.Tensor:
    """Return (n, L, N + R) from some samples to all samples, +inf to themselves, and references.

    All rows at once are cheapest: one product then serves both samples of a pair. memory: bytes for
    the search, see ``ops.nearest_patches``.
    """
    if features.measured is not None:
        return features.measured.rows(rows)
    z, is_whole = features.z, len(rows) == len(features.z)
    own = z if is_whole else z[upload(rows, z.device)]
    nearest = _nearest(features, own, None if is_whole else z, memory)
    if not is_whole:
        own_rows = upload(rows, nearest.device)
        nearest[torch.arange(len(rows), device=nearest.device), :, own_rows] = float("inf")
    if features.references is None:
        return nearest
    return torch.cat([nearest, _nearest(features, own, features.references, memory)], dim=-1)


def distances_to(
    features: Features, rows: torch.Tensor, partners: torch.Tensor, memory: int | None = None
) -> torch.Tensor:
    """Return (n, L, K) from some samples to K partners each, see ``_panels.partners``."""
    if features.measured is not None:
        return features.measured.between(rows, partners)
    samples, patches, _ = features.z.shape
    d = features.z.new_full((len(rows), patches, partners.shape[1]), float("inf"))
    d = d.float()
    for index, (row, own) in enumerate(zip(rows.tolist(), partners, strict=True)):
        z = features.z[row : row + 1]
        is_sample, is_reference = (own >= 0) & (own < samples), own >= samples
        if bool(is_sample.any()):
            keys = features.z[own[is_sample]]
            d[index, :, is_sample] = _nearest(features, z, keys, memory)[0]
        if features.references is not None and bool(is_reference.any()):
            keys = features.references[own[is_reference] - samples]
            d[index, :, is_reference] = _nearest(features, z, keys, memory)[0]
    return d


def panels(
    features: ByModality[Features], memory: int, columns: int | None = None
) -> list[torch.Tensor]:
    """Return rows to treat at once so that all distances take ``memory`` bytes, or one row more.

    columns: the partners of a sample, by default all samples and references.
    """
    first = features.values()[0]
    samples, references = len(first.z), first.references
    partners = samples + (0 if references is None else len(references))
    row_bytes = 4 * (columns or partners) * sum(part.z.shape[1] for part in features.values())
    return list(torch.split(torch.arange(samples), max(1, memory // row_bytes)))


def _nearest(
    features: Features, z: torch.Tensor, references: torch.Tensor | None, memory: int | None
) -> torch.Tensor:
    return ops.nearest_patches(
        z,
        references=references,
        precision=features.precision,
        search_window=features.window,
        grid=features.grid,
        memory=memory,
    )


def _scratch(features: Features, memory: int) -> int | None:
    """Return the bytes for packed samples, None for those of ``ops.nearest_patches``.

    They are enough for a pair, so that no sample is cut for them.
    """
    if memory // 4 >= CPU_MEMORY or features.z.is_cuda:
        return None
    _, patches, channels = features.z.shape
    pair = 3 * (patches + 64) * (4 * channels + 64)
    return min(CPU_MEMORY, max(memory // 4, pair))
