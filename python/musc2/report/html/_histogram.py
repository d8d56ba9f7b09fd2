"""The histogram of scores, on the scale of the colors: the threshold is in its middle."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 48
_TICKS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)  # times the threshold


def histogram(scores: NDArray[np.float32], anchor: float) -> dict[str, Any]:
    """Return bars and ticks; positions are fractions of the width, heights of the highest bar.

    A score s is drawn at s / (s + anchor), within the range of the scores and the anchor.
    """
    levels = np.append(_levels(scores, anchor), 0.5)
    low, high = float(levels.min()), float(levels.max())
    margin = 0.04 * (high - low) + 1e-3
    low, high = max(0.0, low - margin), min(1.0, high + margin)
    counts, edges = np.histogram(levels[:-1], bins=BINS, range=(low, high))
    bars = []
    for count, left in zip(counts.tolist(), edges[:-1].tolist(), strict=True):
        if count:
            bars.append(
                {
                    "x": round((left - low) / (high - low), 4),
                    "height": round(float(count / counts.max()) ** 0.5, 4),
                    "level": round(255 * (left + (high - low) / BINS / 2)),
                    "count": count,
                }
            )
    ticks = []
    for factor in _TICKS:
        x = (factor / (factor + 1) - low) / (high - low)
        if 0.02 < x < 0.98:
            ticks.append({"x": round(x, 4), "score": f"{factor * anchor:.3g}", "factor": factor})
    return {"low": low, "high": high, "bars": bars, "ticks": ticks, "width": 1 / BINS}


def _levels(scores: NDArray[np.float32], anchor: float) -> NDArray[np.float64]:
    positive = np.maximum(scores.astype(np.float64), 0)
    scaled: NDArray[np.float64] = positive / (positive + anchor)
    return scaled
