from __future__ import annotations

from musc2.metrics.arguments import Values
from musc2.metrics.thresholds import counts_of_scores
from musc2.ops import ThresholdCounts

METRICS: dict[str, dict[str, float]] = {"f1_max": {}}
LEVELS = ("image", "pixel")


def f1_max(scores: Values, labels: Values) -> float:
    """scores and labels: of the same shape -> the highest F1 that any threshold reaches.

    >>> f1_max(torch.tensor([0.1, 0.4, 0.3, 0.8]), torch.tensor([0, 0, 1, 1]))
    0.8
    """
    return of_thresholds(counts_of_scores("f1_max", scores, labels))


def of_thresholds(counts: ThresholdCounts) -> float:
    found = counts.anomalous_at.numpy().cumsum()
    wrong = counts.normal_above.numpy() + counts.normal_at.numpy()
    return float((2 * found / (found + wrong + found[-1])).max())
