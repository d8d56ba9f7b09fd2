"""Rules that turn scores into a threshold, to compare with that of ``musc2.verdict``."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from musc2 import verdict

Rule = Callable[[np.ndarray], float]


def median_mad(factor: float) -> Rule:
    """Return the rule: the median and ``factor`` times its absolute deviation, as a spread."""

    def rule(scores: np.ndarray) -> float:
        middle = np.median(scores)
        return float(middle + factor * 1.4826 * np.median(np.abs(scores - middle)))

    return rule


def otsu(scores: np.ndarray) -> float:
    """Return the threshold with the largest variance between the two groups."""
    ordered = np.sort(scores)
    below = np.arange(1, len(ordered))
    sums = np.cumsum(ordered)[:-1]
    difference = sums / below - (ordered.sum() - sums) / (len(ordered) - below)
    between = below * (len(ordered) - below) * difference**2
    cut = int(between.argmax())
    return float((ordered[cut] + ordered[cut + 1]) / 2)


def mode_spread(factor: float) -> Rule:
    """Return the rule: the mode and ``factor`` times the spread of the scores below it."""

    def rule(scores: np.ndarray) -> float:
        mode, spread = verdict.normal_mode(np.sort(scores))
        return mode + factor * spread

    return rule


def half_sample(factor: float) -> Rule:
    """Return the same rule with the half-sample mode."""

    def rule(scores: np.ndarray) -> float:
        ordered = np.sort(scores)
        while len(ordered) > 3:
            half = math.ceil(len(ordered) / 2)
            widths = ordered[half - 1 :] - ordered[: len(ordered) - half + 1]
            start = int(widths.argmin())
            ordered = ordered[start : start + half]
        mode = ordered.mean()
        below = mode - scores[scores <= mode]
        return float(mode + factor * 1.4826 * np.median(below)) if len(below) else float(mode)

    return rule


def extreme_value(scores: np.ndarray) -> float:
    """Return what the highest of N normal parts reaches once in 20 sets.

    Normal scores are taken to follow Gumbel's law, the one of maxima, whose scale follows from the
    spread below its mode.
    """
    mode, spread = verdict.normal_mode(np.sort(scores))
    scale = spread / 0.71  # the root mean square of a Gumbel variable below its mode
    return mode + scale * (math.log(len(scores)) - math.log(-math.log(0.95)))


def first_break(scores: np.ndarray) -> float:
    """Return the default of musc2."""
    return verdict.threshold(scores).value


RULES: dict[str, Rule] = {
    "median + 3.5 MAD": median_mad(3.5),
    "median + 5 MAD": median_mad(5.0),
    "Otsu": otsu,
    "half-sample mode + 5 spreads": half_sample(5.0),
    "mode + 5 spreads": mode_spread(5.0),
    "extreme value": extreme_value,
    "first break": first_break,
}
REFERENCE_RULES: dict[str, Rule] = {
    "highest": lambda scores: float(scores.max()),
    "95th percentile x 1.1": lambda scores: 1.1 * float(np.quantile(scores, 0.95)),
    "conformal, 5 %": lambda scores: float(np.sort(scores)[-max(1, int(0.05 * (len(scores) + 1)))]),
    "exponential tail": lambda scores: verdict.threshold([0.0], reference_scores=scores).value,
}
