"""What is compared with what: the figures of a category as the published tables have them, or exact ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from musc2 import metrics
from musc2.evaluation.packed_masks import Mask, PackedMasks
from musc2.result import Result

PROTOCOLS = ("published", "exact")
IMAGE = {"I-AUROC": "auroc", "I-F1": "f1_max", "I-AP": "ap"}
PIXEL = {"P-AUROC": "auroc", "P-F1": "f1_max", "P-AP": "ap"}
REGION = {"AUPRO": "aupro@0.3", "AUPRO@0.1": "aupro@0.1", "AUPRO@0.05": "aupro@0.05", "AUPRO@0.01": "aupro@0.01"}
NAMES = (*IMAGE, *PIXEL, "AUPRO")  # of the published tables; the exact protocol has more


def figures(
    scores: Result, labels: Sequence[bool], truth: Iterable[Mask | None], protocol: str
) -> dict[str, float | None]:
    """The figures in percent; None where one is not defined: nothing or everything is defective, no masks.

    truth: (H, W) of each sample, or (P,) of a cloud, read once and kept at a bit per pixel. "published": maps are at
    their working size, masks are brought to it bilinearly and cut at 1/2, and AUPRO is ``metrics.aupro_published``.
    "exact": maps have the size of the masks.
    """
    known = np.array(labels, bool)
    found: dict[str, float | None] = dict.fromkeys([*IMAGE, *PIXEL, *(REGION if protocol == "exact" else ["AUPRO"])])
    if _both(known):
        by_name = metrics.image_metrics(scores.scores, known, only=list(IMAGE.values()))
        found |= {figure: 100 * by_name[name] for figure, name in IMAGE.items()}
    if scores.maps is None:  # points have no regions
        masks = _masks(truth, None)
        points = [one[None] for one in scores.point_scores or []]
        return found if masks is None else found | _pixel_figures(PIXEL, points, masks)
    published = protocol == "published"
    maps = scores.maps.at("working" if published else "input")
    masks = _masks(truth, [(one.shape[0], one.shape[1]) for one in maps] if published else None)
    if masks is None:
        return found
    regions = {"AUPRO": "aupro_published"} if published else REGION
    return found | _pixel_figures({**PIXEL, **regions}, maps, masks)


def _masks(truth: Iterable[Mask | None], sizes: Sequence[tuple[int, int]] | None) -> PackedMasks | None:
    """Of ``sizes``, or as they are; None where one is missing, or all are normal or all defective, or too small."""
    masks, normal, defective, visible = PackedMasks(), False, False, False
    for index, mask in enumerate(truth):
        if mask is None:
            return None
        normal |= not mask.all()
        defective |= bool(mask.any())
        seen = np.atleast_2d(mask) if sizes is None else _at_size(mask, sizes[index])
        visible |= bool(seen.any())
        masks.append(seen)
    return masks if normal and defective and visible else None


def _pixel_figures(names: dict[str, str], maps: Any, masks: PackedMasks) -> dict[str, float | None]:
    by_name = metrics.pixel_metrics_streamed(maps, masks, only=list(names.values()))
    return {figure: 100 * by_name[name] for figure, name in names.items()}


def _both(truth: Mask) -> bool:
    return bool(truth.any()) and not bool(truth.all())


def _at_size(mask: Mask, size: tuple[int, int]) -> Mask:
    if mask.shape == size:
        return mask
    picture = Image.fromarray(mask.astype(np.uint8) * 255).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(picture) > 127
