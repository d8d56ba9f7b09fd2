"""The verdict: above which score a part is suspicious, and how clear that is.

Normal parts lie around the mode of the scores, whatever else there is up to half of the set. Their
upper tail may be long, so distance alone is no proof: a part is suspicious if a break in the
ordered scores separates it from the normal ones. docs/dev/quality.md compares this with other
rules.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from musc2 import checks

_NORMAL = 3.0  # spreads above the mode up to which every score is normal
_BREAK = 3.0  # mean excesses of the normal scores that a break below one part is at least wide
_FLOOR = 0.7  # the same below many parts; in between it falls with the root of their number
_FEW = 10.0  # normal parts at which a break has to be twice as wide
_FEWEST = 4  # parts without which there is no verdict
_EQUAL = 1e-3  # of the mode: smaller differences mean nothing
_FALSE_ALARMS = 0.05  # probability that one of as many good parts as references is suspicious
_PIXELS = 0.995  # of normal maps that are below the threshold of the maps
_TAIL = 0.2  # of the references' scores, to which an exponential tail is fitted


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Parts that score more than ``value`` are suspicious.

    method: "break", "references" or "manual". confidence: 0 to 1, how clear the verdict is, no
    probability; below 0.5 there is no clear cut. reason: a sentence for people.
    """

    value: float
    method: str
    confidence: float
    reason: str

    @property
    def is_clear(self) -> bool:
        """Return whether the scores themselves say which parts are suspicious."""
        return self.confidence >= 0.5


@dataclass(frozen=True, kw_only=True)
class BankThresholds:
    """The thresholds of parts and of maps that a bank has; they do not depend on new parts."""

    threshold: Threshold
    map_threshold: float


def bank_thresholds(values: Mapping[str, Any] | None) -> BankThresholds | None:
    """Return the thresholds from what ``dataclasses.asdict`` made of them."""
    if values is None:
        return None
    own = Threshold(**values["threshold"])
    return BankThresholds(threshold=own, map_threshold=float(values["map_threshold"]))


def threshold(scores: object, *, reference_scores: object = None) -> Threshold:
    """scores: (N,), of unknown parts -> the threshold of their set.

    reference_scores: (R,), of parts that are known to be good, each among the others. With them
    the scores of the unknown parts are not used.

    >>> threshold([1.0, 1.1, 0.9, 1.05, 0.95, 1.0, 1.1, 0.9, 6.0]).reason
    '1 of 9 parts lies above a break from 1.1 to 6'
    """
    if reference_scores is not None:
        return _of_references(_vector("reference_scores", reference_scores))
    ordered = np.sort(_vector("scores", scores))
    if len(ordered) < _FEWEST:
        reason = f"{len(ordered)} parts are too few to tell which are normal"
        return Threshold(value=float(ordered[-1]), method="break", confidence=0.0, reason=reason)
    return _first_break(ordered)


def manual(value: float) -> Threshold:
    """Return the threshold that the user chose."""
    number = checks.number("threshold", "value", value, -math.inf)
    return Threshold(value=number, method="manual", confidence=1.0, reason="set by hand")


def normal_mode(ordered: NDArray[np.float64]) -> tuple[float, float]:
    """ordered: (N,), rising -> the mode of the scores and the spread of those below it.

    The mode is the score of the lower half with the highest density; the kernel is as wide as the
    shortest interval that holds half of the scores and begins among the lowest quarter. Up to half
    of the set may score higher, alike or not, and change neither much.
    """
    half = math.ceil(len(ordered) / 2)
    starts = len(ordered) // 4 + 1
    width = float((ordered[half - 1 :][:starts] - ordered[:starts]).min()) / 2
    if width == 0:
        mode = _most_frequent(ordered[:half])
    else:
        mode = float(ordered[_densities(ordered, width)[:half].argmax()])
    below = mode - ordered[ordered <= mode]
    return mode, math.sqrt(float((below**2).sum()) / max(len(below) - 1, 1))


def _first_break(ordered: NDArray[np.float64]) -> Threshold:
    """Return the threshold in the first break above the scores that are surely normal."""
    count = len(ordered)
    mode, spread = normal_mode(ordered)
    normal = int(np.searchsorted(ordered, mode + _NORMAL * spread, side="right"))
    normal = max(normal, math.ceil(count / 2))
    while True:
        excess = _mean_excess(ordered[:normal], mode, spread)
        breadth = max(_BREAK / math.sqrt(max(count - normal, 1)), _FLOOR)
        least = breadth * (1 + (_FEW / normal) ** 2) * excess
        highest = float(ordered[normal - 1])
        if normal == count:
            return _no_break(count, highest, mode, spread, least)
        gap = float(ordered[normal]) - highest
        if gap >= least:  # the normal scores are all 0 where least is, and gap is not
            break
        normal += 1
    suspicious = count - normal
    verb = "lies" if suspicious == 1 else "lie"
    edges = f"from {highest:.4g} to {ordered[normal]:.4g}"
    return Threshold(
        value=highest + min(gap / 2, max(least, gap / 8)),
        method="break",
        confidence=1 - 0.5 * math.exp(2 * (1 - gap / least)) if least else 1.0,
        reason=f"{suspicious} of {count} parts {verb} above a break {edges}",
    )


def _no_break(count: int, highest: float, mode: float, spread: float, least: float) -> Threshold:
    """Return a threshold above all scores: where a part would have to be to be suspicious."""
    distance = (highest - mode) / spread if spread else 0.0
    if distance <= _NORMAL:
        reason = f"no part stands out: all {count} scores lie close together"
    else:
        reason = "no clear cut: the highest scores trail off without a break"
    return Threshold(
        value=highest + least,
        method="break",
        confidence=1 / (1 + (distance / _NORMAL) ** 2),
        reason=reason,
    )


def _of_references(scores: NDArray[np.float64]) -> Threshold:
    """Return the score that the highest of as many good parts reaches once in 20 sets."""
    ordered = np.sort(scores)
    tail = max(math.ceil(len(ordered) * _TAIL), 1)
    start = float(ordered[-tail - 1]) if tail < len(ordered) else float(ordered[0])
    excess = max(float((ordered[-tail:] - start).mean()), _EQUAL * abs(start))
    value = max(start + excess * math.log(tail / _FALSE_ALARMS), float(ordered[-1]))
    return Threshold(
        value=value,
        method="references",
        confidence=len(ordered) / (len(ordered) + 20),
        reason=f"above the scores that {len(ordered)} good parts let expect",
    )


def _mean_excess(normal: NDArray[np.float64], mode: float, spread: float) -> float:
    """Return how far normal scores lie above the mode on average, at least the spread below it."""
    above = normal[normal > mode] - mode
    mean = float(above.mean()) if len(above) else 0.0
    return max(mean, spread, _EQUAL * abs(mode))


def map_threshold(maps: Sequence[torch.Tensor]) -> float:
    """Return the value above which a pixel is unusual, from maps (h, w) of likely normal parts.

    Pixels that are 0 are outside of the foreground. 0 if there are no others.
    """
    values = torch.cat([values[values != 0] for values in maps] or [torch.empty(0)])
    return float(np.quantile(values.numpy(), _PIXELS)) if len(values) else 0.0


def _most_frequent(ordered: NDArray[np.float64]) -> float:
    values, counts = np.unique(ordered, return_counts=True)
    return float(values[counts.argmax()])


def _densities(ordered: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Return the density at each score, from a Gaussian kernel."""
    densities = np.empty(len(ordered))
    for index, score in enumerate(ordered):
        near = slice(*np.searchsorted(ordered, [score - 5 * width, score + 5 * width]))
        densities[index] = np.exp(-0.5 * ((ordered[near] - score) / width) ** 2).sum()
    return densities


def _vector(name: str, scores: object) -> NDArray[np.float64]:
    """Return scores as (N,) float64, finite."""
    plain = scores.detach().cpu().numpy() if isinstance(scores, torch.Tensor) else scores
    try:
        values = np.asarray(plain, dtype=np.float64)
    except (TypeError, ValueError):
        checks.refuse("threshold", name, "must be numbers", type(scores).__name__)
    requirement = "must be finite numbers of shape (N,), at least one"
    if values.ndim != 1 or len(values) == 0:
        checks.refuse("threshold", name, requirement, f"shape {values.shape}")
    if not np.isfinite(values).all():
        checks.refuse("threshold", name, requirement, "NaN or infinity")
    return values
