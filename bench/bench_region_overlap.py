"""All seven figures of 50 images and their maps of 224 x 224, against scikit-learn and a loop over the regions."""

from typing import Any

import numpy as np
from contest import Sides, contest
from scipy import ndimage
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from musc2 import metrics

FIGURES = ("auroc", "ap", "f1_max", "aupro@0.3")
Array = np.ndarray[Any, Any]


def of_scores(values: Array, truth: Array) -> list[float]:
    precision, recall, _ = precision_recall_curve(truth, values)
    f1 = (2 * precision * recall / np.maximum(precision + recall, 1e-12)).max()
    return [float(one) for one in (roc_auc_score(truth, values), average_precision_score(truth, values), f1)]


def aupro(maps: Array, masks: Array, limit: float) -> float:
    """Exact: every value is a threshold, the covered part of each region comes from its own sorted values."""
    thresholds, counts = np.unique(maps[~masks], return_counts=True)
    rate = np.append(0, counts[::-1].cumsum() / counts.sum())
    area, regions = 0.0, 0
    for values, mask in zip(maps, masks, strict=True):
        labelled, count = ndimage.label(mask, np.ones((3, 3)))
        for region in range(1, count + 1):
            own = np.sort(values[labelled == region])
            # Between two normal values the curve is flat but for the ties with them, which count half.
            above = len(own) - np.searchsorted(own, thresholds[::-1], "right")
            level = len(own) - np.searchsorted(own, thresholds[::-1], "left")
            part = np.clip((limit - rate[:-1]) / np.diff(rate), 0, 1)  # of each step that is within the limit
            area += float((np.diff(rate) * part * (above + (level - above) * part / 2)).sum() / len(own))
            regions += 1
    return area / regions / limit


def sample() -> tuple[Array, Array, Array, Array]:
    """Smooth maps that see the defects of half of the parts, three or so each, 2 % of the pixels."""
    rng = np.random.default_rng(0)
    maps, seeds = (ndimage.gaussian_filter(rng.random((50, 224, 224)), (0, s, s)) for s in (6, 8))
    masks = seeds > np.quantile(seeds, 0.98)
    masks[::2] = False
    maps = (maps + 0.05 * ndimage.gaussian_filter(masks.astype(float), (0, 5, 5))).astype(np.float32)
    return maps.max((1, 2)), masks.any((1, 2)), maps, masks


def ours(scores: Array, labels: Array, maps: Array, masks: Array) -> list[float]:
    image = metrics.image_metrics(scores, labels, only=FIGURES[:3])
    return [*image.values(), *metrics.pixel_metrics(maps, masks, only=FIGURES).values()]


def baseline(scores: Array, labels: Array, maps: Array, masks: Array) -> list[float]:
    return [*of_scores(scores, labels), *of_scores(maps.ravel(), masks.ravel()), aupro(maps, masks, 0.3)]


def prepare() -> Sides:
    given = sample()
    return Sides(
        ours=lambda: ours(*given),
        baseline=lambda: baseline(*given),
        check=lambda ours, baseline: np.testing.assert_allclose(ours, baseline, rtol=0, atol=1e-9),
    )


test_region_overlap = contest("region_overlap, seven figures 50x224x224", target=30.0, prepare=prepare)
