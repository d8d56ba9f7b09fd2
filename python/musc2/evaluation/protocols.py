"""What is compared with what: the figures of a category as the published tables have them, or exact ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from musc2 import metrics
from musc2.types import Scores

PROTOCOLS = ("published", "exact")
IMAGE = {"I-AUROC": "auroc", "I-F1": "f1_max", "I-AP": "ap"}
PIXEL = {"P-AUROC": "auroc", "P-F1": "f1_max", "P-AP": "ap"}
REGION = {"AUPRO": "aupro@0.3", "AUPRO@0.1": "aupro@0.1", "AUPRO@0.05": "aupro@0.05", "AUPRO@0.01": "aupro@0.01"}
NAMES = (*IMAGE, *PIXEL, "AUPRO")  # of the published tables; the exact protocol has more
Truth = NDArray[np.bool_]


def figures(
    scores: Scores, labels: Sequence[bool], truth: Sequence[Truth | None], protocol: str
) -> dict[str, float | None]:
    """The figures in percent; None where one is not defined: nothing or everything is defective, no masks.

    truth: (H, W) of each sample, or (P,) of a cloud. "published": maps are at their working size, masks are brought to
    it bilinearly and cut at 1/2, and AUPRO is ``metrics.aupro_published``. "exact": maps have the size of the masks.
    """
    known = np.array(labels, bool)
    found: dict[str, float | None] = dict.fromkeys([*IMAGE, *PIXEL, *(REGION if protocol == "exact" else ["AUPRO"])])
    if _both(known):
        by_name = metrics.image_figures(scores.image, known, only=list(IMAGE.values()))
        found |= {figure: 100 * by_name[name] for figure, name in IMAGE.items()}
    masks = [mask for mask in truth if mask is not None]
    if len(masks) < len(truth) or not _both(np.concatenate([mask.ravel() for mask in masks])):
        return found
    if scores.maps is None:  # points have no regions
        points = torch.cat(scores.points or [])
        return found | _pixel_figures(PIXEL, points[None], np.concatenate(masks)[None])
    if protocol == "published":
        masks = [_at_size(mask, tuple(one.shape)) for mask, one in zip(masks, scores.maps, strict=True)]
        if not any(mask.any() for mask in masks):  # too small to be seen at this size
            return found
        return found | _pixel_figures({**PIXEL, "AUPRO": "aupro_published"}, list(scores.maps), masks)
    return found | _pixel_figures({**PIXEL, **REGION}, list(scores.maps), masks)


def _pixel_figures(names: dict[str, str], maps: Any, masks: Any) -> dict[str, float | None]:
    by_name = metrics.pixel_figures(maps, masks, only=list(names.values()))
    return {figure: 100 * by_name[name] for figure, name in names.items()}


def _both(truth: NDArray[np.bool_]) -> bool:
    return bool(truth.any()) and not bool(truth.all())


def _at_size(mask: Truth, size: tuple[int, ...]) -> Truth:
    if mask.shape == size:
        return mask
    picture = Image.fromarray(mask.astype(np.uint8) * 255).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(picture) > 127
