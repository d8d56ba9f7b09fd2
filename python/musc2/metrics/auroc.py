from __future__ import annotations

from musc2.metrics.arguments import Values
from musc2.metrics.thresholds import counts_of_scores
from musc2.ops import ThresholdCounts

METRICS: dict[str, dict[str, float]] = {"auroc": {}}
LEVELS = ("image", "pixel")


def auroc(scores: Values, labels: Values) -> float:
    """Return the area under the ROC curve of scores and labels of the same shape.

    It is the share of pairs of an anomalous and a normal item in which the anomalous one scores
    higher; ties count half.

    >>> auroc(torch.tensor([0.1, 0.4, 0.3, 0.8]), torch.tensor([0, 0, 1, 1]))
    0.75
    """
    return of_thresholds(counts_of_scores("auroc", scores, labels))


def of_thresholds(counts: ThresholdCounts) -> float:
    """Return the metric from its threshold counts."""
    anomalous = counts.anomalous_at.numpy()
    below = counts.normal - counts.normal_above.numpy() - counts.normal_at.numpy() / 2
    return float((anomalous * below).sum() / anomalous.sum() / counts.normal)
