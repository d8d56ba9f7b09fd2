from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from musc2.errors import InputError
from musc2.metrics.arguments import Array, Values, check_limit, paired, rounded
from musc2.metrics.thresholds import as_maps, check_both
from musc2.ops import ThresholdCounts, region_overlap

METRICS: dict[str, dict[str, float]] = {"aupro_published": {}}
LEVELS = ("pixel",)
THRESHOLDS = 200


def aupro_published(maps: Values, masks: Values, *, fpr_limit: float = 0.3) -> float:
    """maps and masks: (N, H, W), or a list of (H, W) each -> AUPRO as published code of MuSc and others computes it.

    Only for comparing with published tables; ``aupro`` is exact. This takes values as float32, and 200 thresholds in
    equal steps from the lowest to the highest; it keeps those with a false positive rate below ``fpr_limit``, stretches
    their rates to [0, 1] and leaves out what lies between the last of them and the fpr_limit.
    """
    op = "aupro_published"
    fpr_limit = check_limit(op, fpr_limit)
    pair = paired(op, ("maps", "masks"), maps, masks, rounded)
    return of_values(check_both(op, "masks", region_overlap(*as_maps(op, pair))), pair.values, fpr_limit=fpr_limit)


def of_values(counts: ThresholdCounts, values: Sequence[Array], fpr_limit: float = 0.3) -> float:
    """values: all pixels, float32, of which ``counts`` are."""
    op = "aupro_published"
    low, high = min(one.min() for one in values), max(one.max() for one in values)
    if not np.isfinite([low, high]).all() or low == high:
        msg = f"{op}: maps must be finite and hold different values, got {low} to {high}"
        raise InputError(msg)
    thresholds = np.arange(low, high, (high - low) / THRESHOLDS)
    everything = np.zeros(len(thresholds) + 1, np.int64)  # by how many thresholds they are above
    for one in values:
        everything += np.bincount(np.searchsorted(thresholds, one.ravel()), minlength=len(everything))
    places = np.searchsorted(thresholds, counts.threshold.numpy())
    anomalous, overlap = (
        np.bincount(places, some.numpy(), minlength=len(everything))
        for some in (counts.anomalous_at, counts.overlap_at)
    )
    shares = (everything - anomalous) / counts.normal, overlap / counts.regions
    rate, covered = (np.cumsum(some[:0:-1]) for some in shares)
    kept = rate < fpr_limit
    x, y = rate[kept], covered[kept]
    if len(x) < 2 or x[-1] == x[0]:
        msg = (
            f"{op}: maps must have two false positive rates below fpr_limit {fpr_limit:g}, got {np.unique(x).tolist()}"
        )
        raise InputError(msg)
    return float(np.dot(y[1:] + y[:-1], np.diff(x)) / 2 / (x[-1] - x[0]))
