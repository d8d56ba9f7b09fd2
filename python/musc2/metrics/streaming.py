"""``region_overlap`` of maps that are looked at one by one: only anomalous pixels are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from musc2.metrics.arguments import Array, LabeledValues
from musc2.ops import ThresholdCounts, region_overlap

_BATCH = 2**20  # pixels that are counted at once, or the number of thresholds if that is more


def streamed_counts(pairs: Iterable[LabeledValues], maps: Iterable[Array]) -> ThresholdCounts:
    """Return what ``region_overlap`` of all maps at once returns.

    pairs: a map (H, W) and its mask each; maps: the same maps again.
    """
    # One buffer for all maps: an array for each would leave holes in the heap.
    values, anomalous, overlaps = bytearray(), bytearray(), bytearray()
    pixels, regions = 0, 0
    for pair in pairs:
        map, mask = torch.from_numpy(pair.values[0]), torch.from_numpy(pair.labels[0])
        counts = region_overlap([map], [mask])
        values += counts.threshold.numpy().tobytes()
        anomalous += counts.anomalous_at.numpy().tobytes()
        overlaps += counts.overlap_at.numpy().tobytes()
        pixels += map.numel()
        regions += counts.regions
    threshold, anomalous_at, overlap_at = _merge_equal(
        np.frombuffer(values, np.float32),
        np.frombuffer(anomalous, np.int64),
        np.frombuffer(overlaps, np.float64),
    )
    del values, anomalous, overlaps
    above, level = _count_pixels(torch.from_numpy(threshold), maps)
    anomalous_above = torch.from_numpy(anomalous_at.cumsum() - anomalous_at)
    return ThresholdCounts(
        threshold=torch.from_numpy(threshold),
        normal_above=above - anomalous_above,
        normal_at=level - torch.from_numpy(anomalous_at),
        anomalous_at=torch.from_numpy(anomalous_at),
        overlap_at=torch.from_numpy(overlap_at),
        normal=pixels - int(anomalous_at.sum()),
        regions=regions,
    )


def _merge_equal(values: Array, anomalous: Array, overlaps: Array) -> tuple[Array, Array, Array]:
    """Return each value once, highest first, with the sums of the other two; all are (S,)."""
    order = np.argsort(-values, kind="stable")
    ordered = values[order]
    is_first = np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]
    first = np.flatnonzero(is_first)
    if not len(first):  # reduceat takes no empty arrays
        return ordered, anomalous.copy(), overlaps.copy()
    return (
        ordered[first],
        np.add.reduceat(anomalous[order], first),
        np.add.reduceat(overlaps[order], first),
    )


def _count_pixels(
    threshold: torch.Tensor, maps: Iterable[Array]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the numbers of pixels above and at each threshold, both (S,)."""
    above, level = torch.zeros(2, len(threshold), dtype=torch.int64)
    if not len(threshold):
        return above, level
    capacity = max(_BATCH, len(threshold))
    # With the thresholds as the only anomalous pixels, the normal ones are those of the maps.
    is_threshold = torch.arange(len(threshold) + capacity) < len(threshold)
    for row in _rows(threshold, maps, capacity):
        counts = region_overlap([row[None]], [is_threshold[None, : len(row)]])
        above += counts.normal_above
        level += counts.normal_at
    return above, level


def _rows(threshold: torch.Tensor, maps: Iterable[Array], capacity: int) -> Iterator[torch.Tensor]:
    """Yield rows of the thresholds and up to ``capacity`` pixels; the buffer is reused."""
    row = torch.cat([threshold, torch.empty(capacity)])
    end = len(threshold)
    for map in maps:
        pixels = torch.from_numpy(map.ravel())
        for start in range(0, len(pixels), capacity):
            batch = pixels[start : start + capacity]
            if end + len(batch) > len(row):
                yield row[:end]
                end = len(threshold)
            row[end : end + len(batch)] = batch
            end += len(batch)
    yield row[:end]
