"""Metrics of scores and maps against labels and masks: one file per metric.

A metric is a module of this package with ``METRICS`` (name -> options of its function, which has
the name of the file) and ``LEVELS`` ("image", "pixel"). One that is a sum over ``ThresholdCounts``
also has ``of_thresholds(counts, **options)``: these share one pass over the pixels. One that needs
the values of all pixels as well has ``of_values(counts, values, **options)``.
"""

from musc2.metrics.aupro import aupro
from musc2.metrics.aupro_published import aupro_published
from musc2.metrics.auroc import auroc
from musc2.metrics.average_precision import average_precision
from musc2.metrics.f1_max import f1_max
from musc2.metrics.registry import (
    PixelMetrics,
    get,
    image_metrics,
    names,
    pixel_metrics,
    pixel_metrics_streamed,
)

__all__ = [
    "PixelMetrics",
    "aupro",
    "aupro_published",
    "auroc",
    "average_precision",
    "f1_max",
    "get",
    "image_metrics",
    "names",
    "pixel_metrics",
    "pixel_metrics_streamed",
]
