from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from musc2 import _cpu
from musc2.errors import InputError
from musc2.ops._support import arrays

Maps = arrays.Array | Sequence[arrays.Array]


@dataclass(frozen=True, kw_only=True, eq=False)
class ThresholdCounts:
    """The pixels at and above each threshold: the values of anomalous pixels, highest first.

    threshold: (S,) float32; normal_above: (S,) int64, normal pixels with a greater value; normal_at
    and anomalous_at: (S,) int64, normal and anomalous pixels of this value; overlap_at: (S,) float64,
    the sum over the latter of 1 / the size of their region. normal and regions: how many normal
    pixels and regions there are.
    """

    threshold: torch.Tensor
    normal_above: torch.Tensor
    normal_at: torch.Tensor
    anomalous_at: torch.Tensor
    overlap_at: torch.Tensor
    normal: int
    regions: int


def region_overlap(maps: Maps, masks: Maps) -> ThresholdCounts:
    """maps: (N, H, W) float32 and masks: (N, H, W) bool, or a list of (H, W) each -> ThresholdCounts.

    A region is a set of anomalous pixels of one mask that are connected over edges or corners. Infinities take part,
    NaN is an error; -0 counts as +0.

    >>> region_overlap(torch.tensor([[[0.9, 0.5, 0.7]]]), torch.tensor([[[True, False, True]]])).overlap_at
    tensor([1., 1.], dtype=torch.float64)
    """
    values, truth, sizes = _packed("region_overlap", maps, masks)
    count = int(truth.sum())
    if count >= 2**32:
        msg = f"region_overlap: masks must have fewer than 2**32 anomalous pixels, got {count}; use a RegionHistogram"
        raise InputError(msg)
    value = torch.empty(count, dtype=torch.float32)
    above, level, anomalous = torch.empty(3, count, dtype=torch.int64).unbind()
    overlap = torch.empty(count, dtype=torch.float64)
    counts = torch.empty(2, dtype=torch.int64)
    _cpu.region_overlap(
        values.data_ptr(),
        truth.data_ptr(),
        sizes.data_ptr(),
        len(sizes),
        value.data_ptr(),
        above.data_ptr(),
        level.data_ptr(),
        anomalous.data_ptr(),
        overlap.data_ptr(),
        counts.data_ptr(),
    )
    steps, regions = counts.tolist()
    return ThresholdCounts(
        threshold=value[:steps],
        normal_above=above[:steps],
        normal_at=level[:steps],
        anomalous_at=anomalous[:steps],
        overlap_at=overlap[:steps],
        normal=len(truth) - count,
        regions=regions,
    )


class RegionHistogram:
    """``region_overlap`` of more maps than fit in memory: values are cut to their first ``bits`` bits.

    These are the sign, the 8 bits of the exponent and ``bits`` - 9 of the fraction. Values that need no more are not
    changed: all of float16 with 19 bits, for example. Takes 24 * 2**bits bytes, however much is added.

    >>> histogram = RegionHistogram(bits=19)
    >>> histogram.add(torch.tensor([[[0.9, 0.5, 0.7]]]), torch.tensor([[[True, False, True]]]))
    >>> histogram.counts().anomalous_at
    tensor([1, 1])
    """

    def __init__(self, *, bits: int = 22) -> None:
        self.bits = arrays.whole("RegionHistogram", "bits", bits, 9, 30)
        self._normal, self._anomalous = torch.zeros(2, 2**self.bits, dtype=torch.int64).unbind()
        self._overlap = torch.zeros(2**self.bits, dtype=torch.float64)
        self._regions = torch.zeros(1, dtype=torch.int64)

    def add(self, maps: Maps, masks: Maps) -> None:
        """maps and masks: as for ``region_overlap``."""
        values, truth, sizes = _packed("RegionHistogram.add", maps, masks)
        _cpu.region_overlap_binned(
            values.data_ptr(),
            truth.data_ptr(),
            sizes.data_ptr(),
            len(sizes),
            self.bits,
            self._normal.data_ptr(),
            self._anomalous.data_ptr(),
            self._overlap.data_ptr(),
            self._regions.data_ptr(),
        )

    def counts(self) -> ThresholdCounts:
        """Return the counts of all maps so far."""
        bins = self._anomalous.nonzero()[:, 0].flip(0)
        level, normal = self._normal[bins], int(self._normal.sum())
        return ThresholdCounts(
            threshold=self._values(bins),
            normal_above=normal - self._normal.cumsum(0)[bins],
            normal_at=level,
            anomalous_at=self._anomalous[bins],
            overlap_at=self._overlap[bins],
            normal=normal,
            regions=int(self._regions),
        )

    def _values(self, bins: torch.Tensor) -> torch.Tensor:
        cut = 2 ** (32 - self.bits) - 1  # the bits that no bin knows: 0 in the value, so 1 in the key of a negative one
        keys = bins.numpy() << 32 - self.bits
        bits = np.where(keys >> 31 == 1, keys ^ 1 << 31, ~(keys | cut))
        return torch.from_numpy(bits.astype(np.uint32).view(np.float32))


def _packed(op: str, maps: Maps, masks: Maps) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The pixels of all maps (T,), those of all masks (T,) and the sizes (N, 2)."""
    values, sizes = _pixels(op, "maps", maps, torch.float32)
    truth, mask_sizes = _pixels(op, "masks", masks, torch.bool)
    if len(mask_sizes) != len(sizes):
        msg = f"{op}: masks must be as many as maps, {len(sizes)}, got {len(mask_sizes)}"
        raise InputError(msg)
    for index, (size, mask_size) in enumerate(zip(sizes, mask_sizes, strict=True)):
        if size != mask_size:
            msg = f"{op}: masks[{index}] must have the size of its map, {size}, got {mask_size}"
            raise InputError(msg)
    return values, truth, torch.tensor(sizes, dtype=torch.int64)


def _pixels(op: str, name: str, maps: Maps, dtype: torch.dtype) -> tuple[torch.Tensor, list[tuple[int, ...]]]:
    """The pixels of all maps, one map after the other, and the size of each map."""
    if isinstance(maps, Sequence):
        named = {f"{name}[{i}]": arrays.tensor(op, f"{name}[{i}]", one, "H, W", dtype) for i, one in enumerate(maps)}
        sizes = [tuple(one.shape) for one in named.values()]
    else:
        named = {name: arrays.tensor(op, name, maps, "N, H, W", dtype)}
        sizes = [tuple(named[name].shape[1:])] * len(named[name])
    if dtype == torch.float32:
        for which, one in named.items():
            arrays.without_nan(op, which, one)
    flat = [one.flatten() for one in named.values()]
    return flat[0] if len(flat) == 1 else torch.cat([*flat, torch.empty(0, dtype=dtype)]), sizes
