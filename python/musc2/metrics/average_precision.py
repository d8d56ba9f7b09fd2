from __future__ import annotations

from musc2.metrics.arguments import Values
from musc2.metrics.thresholds import counts_of_scores
from musc2.ops import ThresholdCounts

METRICS: dict[str, dict[str, float]] = {"ap": {}}
LEVELS = ("image", "pixel")


def average_precision(scores: Values, labels: Values) -> float:
    """Return the average precision of scores and labels of the same shape.

    It is the mean precision over all thresholds, weighted by the recall that each adds.

    >>> scores, labels = torch.tensor([0.1, 0.4, 0.3, 0.8]), torch.tensor([0, 0, 1, 1])
    >>> round(average_precision(scores, labels), 4)
    0.8333
    """
    return of_thresholds(counts_of_scores("average_precision", scores, labels))


def of_thresholds(counts: ThresholdCounts) -> float:
    """Return the metric from its threshold counts."""
    anomalous = counts.anomalous_at.numpy()
    true_positives = anomalous.cumsum()
    false_positives = counts.normal_above.numpy() + counts.normal_at.numpy()
    precision = true_positives / (true_positives + false_positives)
    return float((anomalous * precision).sum() / true_positives[-1])
