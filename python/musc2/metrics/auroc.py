from __future__ import annotations

from musc2.metrics.steps import steps_of_scores
from musc2.metrics.values import Values
from musc2.ops import RegionSteps

FIGURES: dict[str, dict[str, float]] = {"auroc": {}}
LEVELS = ("image", "pixel")


def auroc(scores: Values, labels: Values) -> float:
    """scores and labels: of the same shape -> the area under the ROC curve.

    The share of pairs of an anomalous and a normal one in which the anomalous one scores higher; ties count half.

    >>> auroc(torch.tensor([0.1, 0.4, 0.3, 0.8]), torch.tensor([0, 0, 1, 1]))
    0.75
    """
    return of_steps(steps_of_scores("auroc", scores, labels))


def of_steps(steps: RegionSteps) -> float:
    anomalous = steps.anomalous.numpy()
    below = steps.normal - steps.above.numpy() - steps.level.numpy() / 2
    return float((anomalous * below).sum() / anomalous.sum() / steps.normal)
