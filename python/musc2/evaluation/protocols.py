"""The metrics of a category, as the published tables compute them or exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from musc2 import metrics
from musc2.evaluation.packed_masks import Mask, PackedMasks
from musc2.result import Result

PROTOCOLS = ("published", "exact")
# The name of a metric in tables -> its name in musc2.metrics.
IMAGE = {"I-AUROC": "auroc", "I-F1": "f1_max", "I-AP": "ap"}
PIXEL = {"P-AUROC": "auroc", "P-F1": "f1_max", "P-AP": "ap"}
EXACT_REGION = {
    "AUPRO": "aupro@0.3",
    "AUPRO@0.1": "aupro@0.1",
    "AUPRO@0.05": "aupro@0.05",
    "AUPRO@0.01": "aupro@0.01",
}
PUBLISHED_REGION = {"AUPRO": "aupro_published"}
NAMES = (*IMAGE, *PIXEL, "AUPRO")  # in published tables; the exact protocol has more

Metrics = dict[str, float | None]


def compute(
    result: Result, labels: Sequence[bool], masks: Iterable[Mask | None], protocol: str
) -> Metrics:
    """Return the metrics of a category in percent.

    None stands for one that is not defined: nothing or everything is defective, or there are no
    masks.

    Args:
        result: The scores and maps of the category's parts.
        labels: Whether each part is defective.
        masks: The defects of each part, (H, W), or (P,) of a cloud. They are read once and kept at
            a bit per pixel.
        protocol: "published": at the working size of maps; masks are resized to it bilinearly and
            cut at 1/2, and AUPRO is ``metrics.aupro_published``. "exact": at the size of the masks.
    """
    region = PUBLISHED_REGION if protocol == "published" else EXACT_REGION
    values: Metrics = dict.fromkeys([*IMAGE, *PIXEL, *region])
    defective = np.array(labels, bool)
    if defective.any() and not defective.all():
        by_name = metrics.image_metrics(result.scores, defective, only=list(IMAGE.values()))
        values |= _percent(IMAGE, by_name)
    if result.maps is None:
        packed = _pack(masks)
        if packed is not None:
            values |= _point_metrics(result, packed)
        return values
    if protocol == "published":
        maps: Any = result.maps.at("working")
        packed = _pack(_resized(masks, maps))
    else:
        maps = result.maps  # rendered twice, which is little beside the metrics of their pixels
        packed = _pack(masks)
    if packed is not None:
        values |= _pixel_metrics(PIXEL | region, maps, packed)
    return values


def _point_metrics(result: Result, masks: PackedMasks) -> Metrics:
    """Return the metrics of points, which have no regions."""
    rows = [scores[None] for scores in result.point_scores or []]
    return _pixel_metrics(PIXEL, rows, masks)


def _pixel_metrics(names: Mapping[str, str], maps: Any, masks: PackedMasks) -> Metrics:
    by_name = metrics.pixel_metrics_streamed(maps, masks, only=list(names.values()))
    return _percent(names, by_name)


def _percent(names: Mapping[str, str], by_name: Mapping[str, float]) -> Metrics:
    return {column: 100 * by_name[name] for column, name in names.items()}


def _pack(masks: Iterable[Mask | None]) -> PackedMasks | None:
    """Return the masks; None if one is missing or no pixel, or every pixel, is defective."""
    packed = PackedMasks()
    any_normal, any_defective = False, False
    for mask in masks:
        if mask is None:
            return None
        any_normal |= not mask.all()
        any_defective |= bool(mask.any())
        packed.append(np.atleast_2d(mask))
    return packed if any_normal and any_defective else None


def _resized(masks: Iterable[Mask | None], maps: Sequence[Any]) -> Iterable[Mask | None]:
    """Yield the masks at the sizes of the maps."""
    for index, mask in enumerate(masks):
        if mask is None:
            yield None
        else:
            yield _resize(mask, (maps[index].shape[0], maps[index].shape[1]))


def _resize(mask: Mask, size: tuple[int, int]) -> Mask:
    if mask.shape == size:
        return mask
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    resized = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(resized) > 127
