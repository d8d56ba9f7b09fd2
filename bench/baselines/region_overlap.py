"""Compute image and pixel metrics with scikit-learn and a loop over the regions."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

Array = np.ndarray[Any, Any]


def region_overlap(scores: Array, labels: Array, maps: Array, masks: Array) -> list[float]:
    """Return AUROC, AP and F1 of images and of pixels, and AUPRO up to 0.3.

    scores, labels: (N,); maps, masks: (N, H, W).
    """
    image = _curve_metrics(scores, labels)
    pixel = _curve_metrics(maps.ravel(), masks.ravel())
    return [*image, *pixel, aupro(maps, masks, 0.3)]


def aupro(maps: Array, masks: Array, fpr_limit: float) -> float:
    """Return the exact area: every value is a threshold, a region's share is of its own values."""
    thresholds, counts = np.unique(maps[~masks], return_counts=True)
    rate = np.append(0, counts[::-1].cumsum() / counts.sum())
    step = np.diff(rate)
    within_limit = np.clip((fpr_limit - rate[:-1]) / step, 0, 1)  # the share of each step
    area, regions = 0.0, 0
    for values, mask in zip(maps, masks, strict=True):
        labels, count = ndimage.label(mask, np.ones((3, 3)))
        for region in range(1, count + 1):
            own = np.sort(values[labels == region])
            # Between two normal values the curve is flat but for ties with them, which count half.
            above = len(own) - np.searchsorted(own, thresholds[::-1], "right")
            at_least = len(own) - np.searchsorted(own, thresholds[::-1], "left")
            heights = above + (at_least - above) * within_limit / 2
            area += float((step * within_limit * heights).sum() / len(own))
            regions += 1
    return area / regions / fpr_limit


def _curve_metrics(scores: Array, truth: Array) -> list[float]:
    precision, recall, _ = precision_recall_curve(truth, scores)
    f1 = (2 * precision * recall / np.maximum(precision + recall, 1e-12)).max()
    return [
        float(roc_auc_score(truth, scores)),
        float(average_precision_score(truth, scores)),
        float(f1),
    ]
