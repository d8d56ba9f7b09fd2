"""The metrics that the tables of docs/dev/quality.md show, as ``musc2.evaluation`` defines them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from musc2 import metrics
from musc2.evaluation import protocols

COLUMNS = ("I-AUROC", "I-AP", "P-AUROC", "P-AP", "AUPRO")


def percentages(
    scores: torch.Tensor, labels: np.ndarray, maps: torch.Tensor, masks: np.ndarray
) -> dict[str, float]:
    """scores and labels: (N,); maps and masks: (N, H, W) -> COLUMNS in percent."""
    image, pixel = metrics.image_metrics(scores, labels), metrics.pixel_metrics(maps, masks)
    values: dict[str, float] = {}
    for column in COLUMNS:
        if column in protocols.IMAGE:
            values[column] = 100 * image[protocols.IMAGE[column]]
        else:
            pixel_metrics = protocols.PIXEL | protocols.EXACT_REGION
            values[column] = 100 * pixel[pixel_metrics[column]]
    return values


def cells(values: Mapping[str, float]) -> str:
    """Return the cells of a markdown row."""
    return " | ".join(f"{values[column]:.1f}" for column in COLUMNS)


def header(*texts: str, after: tuple[str, ...] = ()) -> str:
    """Return the header of a markdown table: columns of text, COLUMNS, and numbers after them."""
    numbers = (*COLUMNS, *after)
    return (
        f"| {' | '.join([*texts, *numbers])} |\n"
        + "|---" * len(texts)
        + "|---:" * len(numbers)
        + "|"
    )
