from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from musc2 import checks
from musc2.metrics.arguments import Array, Values, as_float32, check_limit, labeled_values
from musc2.metrics.thresholds import as_maps, check_both
from musc2.ops import ThresholdCounts, region_overlap

METRICS: dict[str, dict[str, float]] = {"aupro_published": {}}
LEVELS = ("pixel",)
THRESHOLDS = 200
OP = "aupro_published"


def aupro_published(maps: Values, masks: Values, *, fpr_limit: float = 0.3) -> float:
    """Return AUPRO as the published code of MuSc and others computes it.

    maps and masks: (N, H, W), or a list of (H, W). Only for comparing with published tables;
    ``aupro`` is exact. Values are rounded to float32, and there are 200 thresholds in equal steps
    from the lowest to the highest. Those with a false positive rate below ``fpr_limit`` are kept
    and their rates stretched to [0, 1]; the part of the curve between the last of them and the
    limit is left out.
    """
    limit = check_limit(OP, fpr_limit)
    pair = labeled_values(OP, ("maps", "masks"), maps, masks, as_float32)
    counts = check_both(OP, "masks", region_overlap(*as_maps(OP, pair)))
    return of_values(counts, pair.values, fpr_limit=limit)


def of_values(counts: ThresholdCounts, values: Iterable[Array], fpr_limit: float = 0.3) -> float:
    """Return the metric from its threshold counts and the values of all pixels, float32.

    ``values`` are walked three times.
    """
    thresholds = _thresholds(values)
    bins = len(thresholds) + 1  # bin k holds the values above k thresholds
    pixels = np.zeros(bins, np.int64)
    for array in values:
        pixels += np.bincount(np.searchsorted(thresholds, array.ravel()), minlength=bins)
    bin_of = np.searchsorted(thresholds, counts.threshold.numpy())
    anomalous = np.bincount(bin_of, counts.anomalous_at.numpy(), minlength=bins)
    overlap = np.bincount(bin_of, counts.overlap_at.numpy(), minlength=bins)
    rate = _from_the_top((pixels - anomalous) / counts.normal)
    covered = _from_the_top(overlap / counts.regions)
    kept = rate < fpr_limit
    x, y = rate[kept], covered[kept]
    if len(x) < 2 or x[-1] == x[0]:
        requirement = f"must have two false positive rates below fpr_limit {fpr_limit:g}"
        checks.refuse(OP, "maps", requirement, np.unique(x).tolist())
    return float(np.dot(y[1:] + y[:-1], np.diff(x)) / 2 / (x[-1] - x[0]))


def _thresholds(values: Iterable[Array]) -> Array:
    low = min(array.min() for array in values)
    high = max(array.max() for array in values)
    if not np.isfinite([low, high]).all() or low == high:
        requirement = "must be finite and hold different values"
        checks.refuse(OP, "maps", requirement, f"{low} to {high}")
    return np.arange(low, high, (high - low) / THRESHOLDS)


def _from_the_top(shares: Array) -> Array:
    """Return the sum of the bins above each threshold, highest threshold first."""
    return np.cumsum(shares[:0:-1])
