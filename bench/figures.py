"""Exact figures of anomaly scores and maps, small and slow."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from sklearn.metrics import average_precision_score, roc_auc_score

NAMES = ("I-AUROC", "I-AP", "P-AUROC", "P-AP", "AUPRO")


def figures(scores: np.ndarray, labels: np.ndarray, maps: np.ndarray, masks: np.ndarray) -> dict[str, float]:
    """scores and labels: (N,); maps and masks: (N, H, W) -> the five figures in percent."""
    values, truth = maps.ravel(), masks.ravel()
    found = (
        roc_auc_score(labels, scores),
        average_precision_score(labels, scores),
        roc_auc_score(truth, values),
        average_precision_score(truth, values),
        aupro(maps, masks),
    )
    return {name: 100 * float(value) for name, value in zip(NAMES, found, strict=True)}


def aupro(maps: np.ndarray, masks: np.ndarray, limit: float = 0.3) -> float:
    """Area under the mean covered fraction of the 8-connected regions over the false positive rate, up to ``limit``.

    Exact: every value is a threshold, equal values are one, and the curve is cut at the limit by interpolation.
    """
    weight = np.zeros(maps.shape)  # of a pixel in the mean over regions
    regions = 0
    for row, mask in zip(weight, masks, strict=True):
        labelled, count = ndimage.label(mask, np.ones((3, 3)))
        regions += count
        row[mask] = 1 / np.bincount(labelled.ravel())[labelled[mask]]
    order = np.argsort(-maps, axis=None, kind="stable")
    last = np.append(np.diff(maps.ravel()[order]) != 0, True)  # of equal values
    covered = np.append(0, np.cumsum(weight.ravel()[order])[last] / regions)
    rate = np.append(0, np.cumsum(~masks.ravel()[order])[last] / np.count_nonzero(~masks))
    inside = rate <= limit
    x = np.append(rate[inside], limit)
    y = np.append(covered[inside], np.interp(limit, rate, covered))
    return float(np.trapezoid(y, x) / limit)
