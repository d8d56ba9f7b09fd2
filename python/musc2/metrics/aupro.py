from __future__ import annotations

import numpy as np

from musc2.metrics.arguments import Values, check_limit
from musc2.metrics.thresholds import counts_of_maps
from musc2.ops import ThresholdCounts

METRICS = {f"aupro@{fpr_limit:g}": {"fpr_limit": fpr_limit} for fpr_limit in (0.3, 0.1, 0.05, 0.01)}
LEVELS = ("pixel",)


def aupro(maps: Values, masks: Values, *, fpr_limit: float = 0.3) -> float:
    """maps and masks: (N, H, W), or a list of (H, W) each -> the mean height of the PRO curve up to ``fpr_limit``.

    The curve: the covered fraction, mean over all regions of all masks, over the false positive rate among all normal
    pixels. Regions are connected over edges or corners. Exact: every value is a threshold, equal values are one, and
    the curve is cut at the fpr_limit by interpolation.

    >>> aupro(torch.tensor([[[0.9, 0.1, 0.5, 0.3]]]), torch.tensor([[[1, 0, 0, 1]]]), fpr_limit=0.5)
    0.5
    """
    return of_thresholds(counts_of_maps("aupro", maps, masks), fpr_limit=check_limit("aupro", fpr_limit))


def of_thresholds(counts: ThresholdCounts, fpr_limit: float = 0.3) -> float:
    above, level = counts.normal_above.numpy(), counts.normal_at.numpy()
    covered = np.append(0, counts.overlap_at.numpy().cumsum()) / counts.regions
    # A step goes straight from the point before its value to the point with it; before it only the rate has grown.
    rate = np.concatenate([[0], np.stack([above, above + level], 1).ravel() / counts.normal, [1]])
    height = np.concatenate([[0], np.stack([covered[:-1], covered[1:]], 1).ravel(), covered[-1:]])
    inside = rate <= fpr_limit
    x = np.append(rate[inside], fpr_limit)
    y = np.append(height[inside], np.interp(fpr_limit, rate, height))
    return float(np.dot(y[1:] + y[:-1], np.diff(x)) / 2 / fpr_limit)
