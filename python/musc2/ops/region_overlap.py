from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from musc2 import checks
from musc2.errors import InputError
from musc2.ops._support import arrays, dispatch

OP = "region_overlap"
Maps = arrays.Array | Sequence[arrays.Array]


@dataclass(frozen=True, kw_only=True, eq=False)
class ThresholdCounts:
    """Counts of pixels at and above each threshold, the values of anomalous pixels.

    threshold: (S,) float32, descending
    normal_above: (S,) int64, normal pixels of a greater value
    normal_at, anomalous_at: (S,) int64, normal and anomalous pixels of this value
    overlap_at: (S,) float64, 1 / size of their region, summed over those anomalous pixels
    normal, regions: the number of all normal pixels and of all regions
    """

    threshold: torch.Tensor
    normal_above: torch.Tensor
    normal_at: torch.Tensor
    anomalous_at: torch.Tensor
    overlap_at: torch.Tensor
    normal: int
    regions: int


def region_overlap(maps: Maps, masks: Maps) -> ThresholdCounts:
    """Count the normal and anomalous pixels and the covered shares of regions at each threshold.

    maps: (N, H, W) float32, masks: (N, H, W) bool, or a list of (H, W) each -> ThresholdCounts

    A region is a set of anomalous pixels of one mask that are connected over edges or corners.
    Infinities take part, NaN is an error; -0 counts as +0.

    >>> maps = torch.tensor([[[0.9, 0.5, 0.7]]])
    >>> region_overlap(maps, torch.tensor([[[True, False, True]]])).overlap_at
    tensor([1., 1.], dtype=torch.float64)
    """
    values, mask, sizes = _packed(OP, maps, masks)
    anomalous = int(mask.sum())
    if anomalous >= 2**32:
        msg = (
            f"{OP}: masks must have fewer than 2**32 anomalous pixels, got {anomalous}; "
            "use a RegionHistogram"
        )
        raise InputError(msg)
    threshold = torch.empty(anomalous)
    normal_above, normal_at, anomalous_at = torch.empty(3, anomalous, dtype=torch.int64).unbind()
    overlap_at = torch.empty(anomalous, dtype=torch.float64)
    counts = torch.empty(2, dtype=torch.int64)
    results = (threshold, normal_above, normal_at, anomalous_at, overlap_at)
    dispatch.launch(OP, values, mask, sizes, len(sizes), *results, counts)
    thresholds, regions = counts.tolist()
    return ThresholdCounts(
        threshold=threshold[:thresholds],
        normal_above=normal_above[:thresholds],
        normal_at=normal_at[:thresholds],
        anomalous_at=anomalous_at[:thresholds],
        overlap_at=overlap_at[:thresholds],
        normal=len(mask) - anomalous,
        regions=regions,
    )


class RegionHistogram:
    """Count like ``region_overlap``, for more maps than fit in memory.

    Values are cut to their first ``bits`` bits: the sign, the 8 bits of the exponent and the first
    ``bits`` - 9 of the fraction. Values that need no more do not change: all of float16 with 19
    bits, for example. Takes 24 * 2**bits bytes, however many maps are added.

    >>> histogram = RegionHistogram(bits=19)
    >>> histogram.add(torch.tensor([[[0.9, 0.5, 0.7]]]), torch.tensor([[[True, False, True]]]))
    >>> histogram.counts().anomalous_at
    tensor([1, 1])
    """

    def __init__(self, *, bits: int = 22) -> None:
        self.bits = checks.whole("RegionHistogram", "bits", bits, 9, 30)
        self._normal, self._anomalous = torch.zeros(2, 2**self.bits, dtype=torch.int64).unbind()
        self._overlap = torch.zeros(2**self.bits, dtype=torch.float64)
        self._regions = torch.zeros(1, dtype=torch.int64)

    def add(self, maps: Maps, masks: Maps) -> None:
        """Count maps and masks, which are as for ``region_overlap``."""
        values, mask, sizes = _packed("RegionHistogram.add", maps, masks)
        sums = (self._normal, self._anomalous, self._overlap, self._regions)
        dispatch.launch(f"{OP}_binned", values, mask, sizes, len(sizes), self.bits, *sums)

    def counts(self) -> ThresholdCounts:
        """Return the counts of all maps so far."""
        bins = self._anomalous.nonzero()[:, 0].flip(0)
        normal = int(self._normal.sum())
        return ThresholdCounts(
            threshold=self._values(bins),
            normal_above=normal - self._normal.cumsum(0)[bins],
            normal_at=self._normal[bins],
            anomalous_at=self._anomalous[bins],
            overlap_at=self._overlap[bins],
            normal=normal,
            regions=int(self._regions),
        )

    def _values(self, bins: torch.Tensor) -> torch.Tensor:
        # The bits that were cut: 0 in the value, so 1 in the key of a negative value.
        cut = 2 ** (32 - self.bits) - 1
        keys = bins.numpy() << 32 - self.bits
        bits = np.where(keys >> 31 == 1, keys ^ 1 << 31, ~(keys | cut))
        return torch.from_numpy(bits.astype(np.uint32).view(np.float32))


def _packed(op: str, maps: Maps, masks: Maps) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the pixels of all maps (T,), those of all masks (T,) and the sizes (N, 2)."""
    values, sizes = _pixels(op, "maps", maps, torch.float32)
    mask, mask_sizes = _pixels(op, "masks", masks, torch.bool)
    if len(mask_sizes) != len(sizes):
        checks.refuse(op, "masks", f"must be as many as maps, {len(sizes)}", len(mask_sizes))
    for index, (size, mask_size) in enumerate(zip(sizes, mask_sizes, strict=True)):
        if size != mask_size:
            requirement = f"must have the size of its map, {size}"
            checks.refuse(op, f"masks[{index}]", requirement, mask_size)
    return values, mask, torch.tensor(sizes, dtype=torch.int64)


def _pixels(
    op: str, name: str, maps: Maps, dtype: torch.dtype
) -> tuple[torch.Tensor, list[tuple[int, ...]]]:
    """Return the pixels of all maps, one map after the other, and the size of each map."""
    if not isinstance(maps, Sequence):
        stack = _checked(op, name, maps, "N, H, W", dtype)
        count, *size = stack.shape
        return stack.flatten(), [tuple(size)] * count
    pixels: list[torch.Tensor] = []
    sizes: list[tuple[int, ...]] = []
    for index, values in enumerate(maps):
        checked = _checked(op, f"{name}[{index}]", values, "H, W", dtype)
        pixels.append(checked.flatten())
        sizes.append(tuple(checked.shape))
    if len(pixels) == 1:
        return pixels[0], sizes
    return torch.cat([*pixels, torch.empty(0, dtype=dtype)]), sizes


def _checked(
    op: str, name: str, maps: arrays.Array, shape: str, dtype: torch.dtype
) -> torch.Tensor:
    values = arrays.tensor(op, name, maps, shape, dtype)
    return arrays.without_nan(op, name, values) if dtype == torch.float32 else values
