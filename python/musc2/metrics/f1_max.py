from __future__ import annotations

from musc2.metrics.arguments import Values
from musc2.metrics.thresholds import counts_of_scores
from musc2.ops import ThresholdCounts

METRICS: dict[str, dict[str, float]] = {"f1_max": {}}
LEVELS = ("image", "pixel")


def f1_max(scores: Values, labels: Values) -> float:
    """Return the highest F1 over all thresholds, of scores and labels of the same shape.

    >>> f1_max(torch.tensor([0.1, 0.4, 0.3, 0.8]), torch.tensor([0, 0, 1, 1]))
    0.8
    """
    return of_thresholds(counts_of_scores("f1_max", scores, labels))


def of_thresholds(counts: ThresholdCounts) -> float:
    """Return the metric from its threshold counts."""
    true_positives = counts.anomalous_at.numpy().cumsum()
    false_positives = counts.normal_above.numpy() + counts.normal_at.numpy()
    predicted_and_actual = true_positives + false_positives + true_positives[-1]
    return float((2 * true_positives / predicted_and_actual).max())
