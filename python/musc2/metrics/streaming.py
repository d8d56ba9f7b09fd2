"""The counts that figures share, of maps that are looked at one by one, twice: only anomalous pixels are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch

from musc2.metrics.arguments import Array, Pair
from musc2.ops import ThresholdCounts, region_overlap

_BATCH = 2**20  # pixels that are counted at once, unless there are more counts than that


def counts_one_by_one(pairs: Iterable[Pair], values: Sequence[Array]) -> ThresholdCounts:
    """pairs: of one map (H, W) each; values: the same maps again -> what ``region_overlap`` of all at once says."""
    found = bytearray(), bytearray(), bytearray()  # arrays, one for each map, would leave holes in the heap
    pixels, regions = 0, 0
    for pair in pairs:
        counts = region_overlap([torch.from_numpy(pair.values[0])], [torch.from_numpy(pair.truth[0])])
        for known, some in zip(found, (counts.threshold, counts.anomalous_at, counts.overlap_at), strict=True):
            known += some.numpy().tobytes()
        pixels += pair.values[0].size
        regions += counts.regions
    value, anomalous, overlap = _in_order(
        np.frombuffer(found[0], np.float32), np.frombuffer(found[1], np.int64), np.frombuffer(found[2])
    )
    del found
    above, level = _counted(torch.from_numpy(value), values)
    return ThresholdCounts(
        threshold=torch.from_numpy(value),
        normal_above=above - torch.from_numpy(anomalous.cumsum() - anomalous),
        normal_at=level - torch.from_numpy(anomalous),
        anomalous_at=torch.from_numpy(anomalous),
        overlap_at=torch.from_numpy(overlap),
        normal=pixels - int(anomalous.sum()),
        regions=regions,
    )


def _in_order(value: Array, anomalous: Array, overlap: Array) -> tuple[Array, Array, Array]:
    """(S,) of all maps -> the same, highest value first, each value once."""
    order = np.argsort(-value, kind="stable")
    value = value[order]
    first = np.flatnonzero(np.append(True, value[1:] != value[:-1])[: len(value)])
    if not len(first):  # reduceat takes no empty arrays
        return value, anomalous.copy(), overlap.copy()
    return value[first], np.add.reduceat(anomalous[order], first), np.add.reduceat(overlap[order], first)


def _counted(value: torch.Tensor, values: Sequence[Array]) -> tuple[torch.Tensor, torch.Tensor]:
    """(S,) falling -> (S,) and (S,): how many of all pixels are above and at each value."""
    above, level = torch.zeros(2, len(value), dtype=torch.int64)
    room = max(_BATCH, len(value))
    # The values themselves, as if only they were anomalous, make the counts that all other pixels are among.
    first = torch.arange(len(value) + room) < len(value)
    for row in _rows(value, values, room) if len(value) else ():
        counts = region_overlap([row[None]], [first[None, : len(row)]])
        above += counts.normal_above
        level += counts.normal_at
    return above, level


def _rows(value: torch.Tensor, values: Sequence[Array], room: int) -> Iterator[torch.Tensor]:
    """``value`` and behind it ``room`` of all pixels; each row takes the place of the one before."""
    row = torch.cat([value, torch.empty(room)])
    end = len(value)
    for one in values:
        pixels = torch.from_numpy(one.ravel())
        for start in range(0, len(pixels), room):
            part = pixels[start : start + room]
            if end + len(part) > len(row):
                yield row[:end]
                end = len(value)
            row[end : end + len(part)] = part
            end += len(part)
    yield row[:end]
