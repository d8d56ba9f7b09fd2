"""Metrics of a report whose parts have labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musc2 import checks
from musc2.metrics.arguments import as_array
from musc2.metrics.auroc import auroc
from musc2.metrics.average_precision import average_precision
from musc2.metrics.f1_max import f1_max
from musc2.result import Result


def check_labels(labels: object, count: int) -> list[bool]:
    """Return one bool per part, True for a defect."""
    array = as_array("report", "labels", labels)  # type: ignore[arg-type]
    if array.shape != (count,) or not np.isin(array, (0, 1)).all():
        requirement = f"must be 0 or 1 for each of the {count} parts"
        checks.refuse("report", "labels", requirement, f"{array.dtype} of shape {array.shape}")
    values: list[bool] = array.astype(bool).tolist()
    return values


def rows(result: Result, labels: list[bool]) -> list[tuple[str, str]]:
    """Return names and values of the metrics; there are none unless both kinds of parts occur."""
    defects: NDArray[np.bool_] = np.array(labels)
    counts = [("Parts with a defect", f"{defects.sum()} of {len(defects)}")]
    if defects.all() or not defects.any():
        return counts
    scores = result.scores
    return [
        *counts,
        ("AUROC", f"{auroc(scores, defects):.3f}"),
        ("Average precision", f"{average_precision(scores, defects):.3f}"),
        ("Best F1 over all thresholds", f"{f1_max(scores, defects):.3f}"),
    ]
