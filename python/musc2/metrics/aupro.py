from __future__ import annotations

import numpy as np

from musc2.metrics.arguments import Values, check_limit
from musc2.metrics.thresholds import counts_of_maps
from musc2.ops import ThresholdCounts

METRICS = {f"aupro@{fpr_limit:g}": {"fpr_limit": fpr_limit} for fpr_limit in (0.3, 0.1, 0.05, 0.01)}
LEVELS = ("pixel",)


def aupro(maps: Values, masks: Values, *, fpr_limit: float = 0.3) -> float:
    """Return the area under the per-region-overlap curve up to ``fpr_limit``, divided by it.

    maps and masks: (N, H, W), or a list of (H, W). The curve is the covered fraction, averaged over
    the regions of all masks, over the false positive rate among all normal pixels. Regions are
    connected over edges or corners. Exact: every value is a threshold, equal values are one
    threshold, and the curve is interpolated at the limit.

    >>> maps, masks = torch.tensor([[[0.9, 0.1, 0.5, 0.3]]]), torch.tensor([[[1, 0, 0, 1]]])
    >>> aupro(maps, masks, fpr_limit=0.5)
    0.5
    """
    limit = check_limit("aupro", fpr_limit)
    return of_thresholds(counts_of_maps("aupro", maps, masks), fpr_limit=limit)


def of_thresholds(counts: ThresholdCounts, fpr_limit: float) -> float:
    """Return the metric from its threshold counts."""
    above, level = counts.normal_above.numpy(), counts.normal_at.numpy()
    covered = np.append(0, counts.overlap_at.numpy().cumsum()) / counts.regions
    # Before each threshold the curve has a point of its own: there, only the rate has grown.
    rate_points = np.stack([above, above + level], 1).ravel() / counts.normal
    height_points = np.stack([covered[:-1], covered[1:]], 1).ravel()
    rate = np.concatenate([[0], rate_points, [1]])
    height = np.concatenate([[0], height_points, covered[-1:]])
    inside = rate <= fpr_limit
    x = np.append(rate[inside], fpr_limit)
    y = np.append(height[inside], np.interp(fpr_limit, rate, height))
    return float(np.dot(y[1:] + y[:-1], np.diff(x)) / 2 / fpr_limit)
