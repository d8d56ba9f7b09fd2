"""The verdict: from which score on a part is suspicious, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from musc2 import checks

METHODS = ("auto", "normal-mode", "references")

_FACTOR = 5.0  # spreads above the mode


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Parts that score more than ``value`` are suspicious.

    method: "normal-mode", "references" or "given". confidence: 0 to 1, how clearly the threshold
    parts two groups; below 0.5 there is no clear cut. reason: a sentence for people.
    """

    value: float
    method: str
    confidence: float
    reason: str

    @property
    def is_clear(self) -> bool:
        """Whether suspicious and normal parts lie clearly apart."""
        return self.confidence >= 0.5


def threshold(
    scores: object, method: str = "auto", *, reference_scores: object = None
) -> Threshold:
    """scores: (N,), finite -> the score from which on parts are suspicious.

    >>> threshold([1.0, 1.1, 0.9, 1.05, 0.95, 1.0, 4.0]).value < 4
    True
    """
    values = _vector("scores", scores)
    checks.choice("threshold", "method", method, METHODS)
    middle, spread = normal_mode(values)
    value = middle + _FACTOR * spread
    return Threshold(
        value=value,
        method="normal-mode",
        confidence=1.0 if bool((values > value).any()) else 0.5,
        reason="",
    )


def given(value: float) -> Threshold:
    """Return the threshold that the user chose."""
    number = checks.number("threshold", "value", value, -np.inf)
    return Threshold(value=number, method="given", confidence=1.0, reason="chosen by hand")


def normal_mode(values: NDArray[np.float64]) -> tuple[float, float]:
    """values: (N,) -> the mode of the normal scores and the spread below it."""
    ordered = np.sort(values)
    while len(ordered) > 3:
        half = (len(ordered) + 1) // 2
        widths = ordered[half - 1 :] - ordered[: len(ordered) - half + 1]
        start = int(widths.argmin())
        ordered = ordered[start : start + half]
    middle = float(ordered.mean())
    below = middle - values[values <= middle]
    return middle, 1.4826 * float(np.median(below)) if len(below) else 0.0


def _vector(name: str, scores: object) -> NDArray[np.float64]:
    """Return scores as (N,) float64, finite."""
    plain = scores.detach().cpu().numpy() if isinstance(scores, torch.Tensor) else scores
    try:
        values = np.asarray(plain, dtype=np.float64)
    except (TypeError, ValueError):
        checks.refuse("threshold", name, "must be numbers", type(scores).__name__)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        requirement = "must be finite numbers of shape (N,), at least one"
        checks.refuse("threshold", name, requirement, f"shape {values.shape}")
    return values
