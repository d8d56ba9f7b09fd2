"""The median distance of each modality, docs/method/algorithm.md section 6."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch

from musc2._transfer import download
from musc2.by_modality import ByModality
from musc2.stages.mutual import Features, RowSource, distances
from musc2.tokens import spread_rows

SAMPLES = 64  # that the median is taken over
_HALF = 1 << 16  # values of half a float


def medians(
    features: ByModality[Features],
    subsets: Sequence[torch.Tensor],
    whole: ByModality[RowSource] | None,
    memory: int,
) -> ByModality[float]:
    """Return each modality's median distance over at most 64 evenly spaced samples.

    ``subsets`` score their own samples; whole: the distances of the only subset. At most ``memory``
    bytes of distances are looked at together. 1 where the median is 0.
    """
    samples = len(features.values()[0].z)
    chosen = torch.tensor(spread_rows(samples, SAMPLES))
    if features.values()[0].z.is_cuda:
        return _on_gpu(features, subsets, chosen, whole)

    def median(part: Features, source: RowSource | None) -> float:
        columns = samples + (0 if part.references is None else len(part.references))
        size = 4 * len(chosen) * part.z.shape[1] * columns
        step = len(chosen) if size <= memory // 4 else 1
        return median_of(lambda: _pieces(part, subsets, chosen, source, step)) or 1.0

    if whole is None:
        return features.map(lambda part: median(part, None))
    return features.combine(median, whole)


def _on_gpu(
    features: ByModality[Features],
    subsets: Sequence[torch.Tensor],
    chosen: torch.Tensor,
    whole: ByModality[RowSource] | None,
) -> ByModality[float]:
    """Return the medians of distances that are held together; the GPU is waited for once."""

    def median(part: Features, source: RowSource | None) -> torch.Tensor:
        rows: list[torch.Tensor] = []
        for subset in subsets:
            own = torch.isin(subset, chosen).nonzero()[:, 0]
            if source is not None:
                rows.append(source.rows(own).flatten())
            elif len(own):
                rows.append(distances(part.subset(subset), own).flatten())
        values = torch.cat(rows)
        return values.masked_fill_(~values.isfinite(), float("nan")).nanmedian()

    if whole is None:
        own = features.map(lambda part: median(part, None))
    else:
        own = features.combine(median, whole)
    (numbers,) = download(torch.stack(own.values()))
    left = iter(numbers.tolist())
    return own.map(lambda _: float(next(left)) or 1.0)


def _pieces(
    features: Features,
    subsets: Sequence[torch.Tensor],
    chosen: torch.Tensor,
    source: RowSource | None,
    step: int,
) -> Iterator[torch.Tensor]:
    """Yield the finite distances of the chosen samples, ``step`` of them at a time."""
    for subset in subsets:
        part = features.subset(subset) if source is None else features
        for own in torch.split(torch.isin(subset, chosen).nonzero()[:, 0], step):
            if len(own):
                d = distances(part, own) if source is None else source.rows(own)
                yield d[d.isfinite()]


def median_of(pieces: Callable[[], Iterable[torch.Tensor]]) -> float:
    """Return the lower median of values >= 0, which are produced twice and never held together.

    The bits of such floats, as whole numbers, have the order of the floats: the first pass counts
    their upper halves, the second one the lower halves of those that share the median's.
    """
    upper = _counts(bits >> 16 for bits in map(_bits, pieces()))
    rank = (int(upper.sum()) - 1) // 2
    first, rank = _at_rank(upper, rank)
    lower = _counts(bits[bits >> 16 == first] & (_HALF - 1) for bits in map(_bits, pieces()))
    second, _ = _at_rank(lower, rank)
    return float(torch.tensor(first * _HALF + second, dtype=torch.int32).view(torch.float32))


def _bits(values: torch.Tensor) -> torch.Tensor:
    return values.contiguous().view(torch.int32)


def _counts(halves: Iterable[torch.Tensor]) -> torch.Tensor:
    counts = torch.zeros(_HALF, dtype=torch.int64)
    for half in halves:
        counts += torch.bincount(half, minlength=_HALF).cpu()
    return counts


def _at_rank(counts: torch.Tensor, rank: int) -> tuple[int, int]:
    """Return the value of a rank in ascending order, and its rank among those of its value."""
    ends = counts.cumsum(0)
    value = int(torch.searchsorted(ends, rank, right=True))
    return value, rank - int(ends[value] - counts[value])
