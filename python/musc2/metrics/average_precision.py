from __future__ import annotations

from musc2.metrics.arguments import Values
from musc2.metrics.thresholds import counts_of_scores
from musc2.ops import ThresholdCounts

METRICS: dict[str, dict[str, float]] = {"ap": {}}
LEVELS = ("image", "pixel")


def average_precision(scores: Values, labels: Values) -> float:
    """scores and labels: of the same shape -> AP, the mean precision over thresholds, weighted by the recall gained.

    >>> round(average_precision(torch.tensor([0.1, 0.4, 0.3, 0.8]), torch.tensor([0, 0, 1, 1])), 4)
    0.8333
    """
    return of_thresholds(counts_of_scores("average_precision", scores, labels))


def of_thresholds(counts: ThresholdCounts) -> float:
    anomalous = counts.anomalous_at.numpy()
    found = anomalous.cumsum()
    precision = found / (found + counts.normal_above.numpy() + counts.normal_at.numpy())
    return float((anomalous * precision).sum() / found[-1])
