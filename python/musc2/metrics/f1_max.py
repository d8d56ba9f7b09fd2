from __future__ import annotations

from musc2.metrics.steps import steps_of_scores
from musc2.metrics.values import Values
from musc2.ops import RegionSteps

FIGURES: dict[str, dict[str, float]] = {"f1_max": {}}
LEVELS = ("image", "pixel")


def f1_max(scores: Values, labels: Values) -> float:
    """scores and labels: of the same shape -> the highest F1 that any threshold reaches.

    >>> f1_max(torch.tensor([0.1, 0.4, 0.3, 0.8]), torch.tensor([0, 0, 1, 1]))
    0.8
    """
    return of_steps(steps_of_scores("f1_max", scores, labels))


def of_steps(steps: RegionSteps) -> float:
    found = steps.anomalous.numpy().cumsum()
    wrong = steps.above.numpy() + steps.level.numpy()
    return float((2 * found / (found + wrong + found[-1])).max())
