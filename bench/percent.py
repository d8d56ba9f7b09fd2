"""The figures of the tables in docs/quality.md, in percent."""

from __future__ import annotations

import numpy as np
import torch

from musc2 import metrics

IMAGE = {"I-AUROC": "auroc", "I-AP": "ap"}
PIXEL = {"P-AUROC": "auroc", "P-AP": "ap", "AUPRO": "aupro@0.3"}
NAMES = (*IMAGE, *PIXEL)


def percent(scores: torch.Tensor, labels: np.ndarray, maps: torch.Tensor, masks: np.ndarray) -> dict[str, float]:
    """scores and labels: (N,); maps and masks: (N, H, W) -> the figures called ``NAMES``."""
    image, pixel = metrics.image_metrics(scores, labels), metrics.pixel_metrics(maps, masks)
    found = [image[name] for name in IMAGE.values()] + [pixel[name] for name in PIXEL.values()]
    return {name: 100 * value for name, value in zip(NAMES, found, strict=True)}
