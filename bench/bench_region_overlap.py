"""Benchmark region_overlap: seven metrics of 50 maps of 224 x 224, against scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

from bench.baselines.region_overlap import region_overlap as baseline
from bench.case import Case, benchmark
from musc2 import metrics

IMAGE, PIXEL = ("auroc", "ap", "f1_max"), ("auroc", "ap", "f1_max", "aupro@0.3")
Array = np.ndarray[Any, Any]


def sample() -> tuple[Array, Array, Array, Array]:
    """Return scores, labels, smooth maps and masks; the maps respond to the defects.

    Half of the parts have about three defects, 2 % of their pixels.
    """
    rng = np.random.default_rng(0)
    maps = ndimage.gaussian_filter(rng.random((50, 224, 224)), (0, 6, 6))
    seeds = ndimage.gaussian_filter(rng.random((50, 224, 224)), (0, 8, 8))
    masks = seeds > np.quantile(seeds, 0.98)
    masks[::2] = False
    response = 0.05 * ndimage.gaussian_filter(masks.astype(float), (0, 5, 5))
    maps = (maps + response).astype(np.float32)
    return maps.max((1, 2)), masks.any((1, 2)), maps, masks


def candidate(scores: Array, labels: Array, maps: Array, masks: Array) -> list[float]:
    image = metrics.image_metrics(scores, labels, only=IMAGE)
    pixel = metrics.pixel_metrics(maps, masks, only=PIXEL)
    return [*image.values(), *pixel.values()]


def check(result: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-9)


def prepare() -> Case:
    arrays = sample()
    return Case(
        candidate=lambda: candidate(*arrays), baseline=lambda: baseline(*arrays), check=check
    )


test_region_overlap = benchmark(
    "region_overlap, seven metrics 50x224x224", target=30.0, prepare=prepare
)
