from __future__ import annotations

import numpy as np

from musc2.metrics.steps import steps_of_maps
from musc2.metrics.values import Values, check_limit
from musc2.ops import RegionSteps

FIGURES = {f"aupro@{limit:g}": {"limit": limit} for limit in (0.3, 0.1, 0.05, 0.01)}
LEVELS = ("pixel",)


def aupro(maps: Values, masks: Values, *, limit: float = 0.3) -> float:
    """maps and masks: (N, H, W), or a list of (H, W) each -> the mean height of the PRO curve up to ``limit``.

    The curve: the covered fraction, mean over all regions of all masks, over the false positive rate among all normal
    pixels. Regions are connected over edges or corners. Exact: every value is a threshold, equal values are one, and
    the curve is cut at the limit by interpolation.

    >>> aupro(torch.tensor([[[0.9, 0.1, 0.5, 0.3]]]), torch.tensor([[[1, 0, 0, 1]]]), limit=0.5)
    0.5
    """
    return of_steps(steps_of_maps("aupro", maps, masks), limit=check_limit("aupro", limit))


def of_steps(steps: RegionSteps, limit: float = 0.3) -> float:
    above, level = steps.above.numpy(), steps.level.numpy()
    covered = np.append(0, steps.overlap.numpy().cumsum()) / steps.regions
    # A step goes straight from the point before its value to the point with it; before it only the rate has grown.
    rate = np.concatenate([[0], np.stack([above, above + level], 1).ravel() / steps.normal, [1]])
    height = np.concatenate([[0], np.stack([covered[:-1], covered[1:]], 1).ravel(), covered[-1:]])
    inside = rate <= limit
    x = np.append(rate[inside], limit)
    y = np.append(height[inside], np.interp(limit, rate, height))
    return float(np.dot(y[1:] + y[:-1], np.diff(x)) / 2 / limit)
