"""Fuse the scores of encoders and modalities in one unit: docs/method/algorithm.md section 7."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from musc2._transfer import download
from musc2.by_modality import ByModality
from musc2.stages.maps import Anomaly

Grid = tuple[int, int]
Divisor = ByModality[Any]  # of numbers, or of tensors that a GPU still computes
LOWEST = 1e-3  # of the highest peak: a set of near copies does not blow up its other scores


def fuse(
    views: Sequence[ByModality[torch.Tensor]],
    grids: Sequence[Grid | None],
    divisors: Sequence[Divisor],
) -> ByModality[list[torch.Tensor]]:
    """Return what to add up: scores (N, h, w) of patches of each view and (N, G) of all groups.

    views: scores (N, L) of patches and (N, G) of groups. Each is divided by its divisor and by the
    number of views, so that the sum is a mean. Groups are the same for all encoders, patches not.
    """
    images: list[torch.Tensor] = []
    points: torch.Tensor | None = None
    for scores, grid, divisor in zip(views, grids, divisors, strict=True):
        own = scores.combine(lambda values, level: values / level / len(views), divisor)
        if own.image is not None and grid is not None:
            images.append(own.image.reshape(-1, *grid))
        if own.points is not None:
            points = own.points if points is None else points + own.points
    return ByModality(images or None, None if points is None else [points])


def normal_level(peaks: torch.Tensor, *, all_good: bool = False) -> float:
    """peaks: (N,), the highest score of each part -> the score of a typical normal part.

    It is the median of the lower half of the peaks, with ``all_good`` of all of them. Parts without
    a score above 0, like those whose mask is empty, do not count; 1 if there are no others.

    >>> normal_level(torch.tensor([2.0, 9.0, 3.0, 1.0]))
    1.5
    """
    return float(_level(peaks, all_good))


def _level(peaks: torch.Tensor, all_good: bool) -> torch.Tensor:
    """Return ``normal_level`` as float64 on the device of the peaks, without waiting for it."""
    if len(peaks) == 0:
        return peaks.new_ones((), dtype=torch.float64)
    scored = peaks > 0
    ordered = peaks.masked_fill(~scored, float("inf")).sort().values.double()
    total = scored.sum().reshape(1)
    count = total if all_good else (total + 1) // 2
    middle = (count - 1).clamp(min=0) * 0.5
    lower, upper = ordered[middle.floor().long()], ordered[middle.ceil().long()]
    level = torch.maximum((lower + upper) / 2, LOWEST * ordered[(total - 1).clamp(min=0)])
    return level.where(total > 0, 1.0)[0]


def units(
    views: Sequence[ByModality[torch.Tensor]],
    render: Callable[[Sequence[int], Sequence[Divisor]], Anomaly],
    *,
    normal: bool = True,
    all_good: bool = False,
) -> list[ByModality[float]]:
    """Return what the scores of each view are divided by.

    ``render`` of the numbers of some views and of their divisors returns their maps. Encoders and
    modalities are brought to one level, then the highest value of a typical normal part in the map
    of all is 1. Without ``normal`` the level is that of the first encoder of each modality.
    """
    levels: list[ByModality[torch.Tensor]] = []
    for number, scores in enumerate(views):
        peaks = render([number], [scores.map(lambda _: 1.0)]).modality_peaks()
        levels.append(peaks.map(lambda own: _level(own, all_good)))
    if not normal:
        return _numbers(
            [own.combine(lambda level, first: level / first, levels[0]) for own in levels]
        )
    if len(views) == 1 and not levels[0].is_both:
        return _numbers(levels)
    total = _level(render(range(len(views)), levels).peaks(), all_good)
    return _numbers([own.map(lambda level: level * total) for own in levels])


def _numbers(levels: Sequence[ByModality[torch.Tensor]]) -> list[ByModality[float]]:
    """Return levels as numbers; a GPU is waited for once."""
    (numbers,) = download(torch.stack([level for own in levels for level in own.values()]))
    left = iter(numbers.tolist())
    return [own.map(lambda _: float(next(left))) for own in levels]
