"""Metrics by name, and several metrics from one pass over scores or maps."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import ModuleType

from musc2 import checks
from musc2.metrics.arguments import (
    Array,
    LabeledValues,
    Values,
    as_array,
    as_float32,
    labeled_values,
)
from musc2.metrics.streaming import streamed_counts
from musc2.metrics.thresholds import as_maps, check_both, counts_of_maps, counts_of_scores
from musc2.ops import RegionHistogram, ThresholdCounts


def names(level: str | None = None) -> tuple[str, ...]:
    """Return the names of all metrics, or of those for the level "image" or "pixel"."""
    if level not in (None, "image", "pixel"):
        checks.refuse("names", "level", 'must be "image", "pixel" or None', repr(level))
    modules = _modules()
    return tuple(name for name in modules if level is None or level in modules[name].LEVELS)


def get(name: str) -> Callable[[Values, Values], float]:
    """Return the function that computes a metric from scores and labels, or maps and masks.

    >>> get("aupro@0.1")(torch.tensor([[[0.9, 0.1, 0.5, 0.3]]]), torch.tensor([[[1, 0, 0, 1]]]))
    0.5
    """
    _check_names("get", None, [name])
    module = _modules()[name]
    function = getattr(module, module.__name__.split(".")[-1])
    return functools.partial(function, **module.METRICS[name])


def image_metrics(
    scores: Values, labels: Values, *, only: Sequence[str] | None = None
) -> dict[str, float]:
    """Return the metrics of ``names("image")``, or ``only`` some, of scores and labels (N,).

    >>> scores, labels = torch.tensor([0.1, 0.4, 0.3, 0.8]), torch.tensor([0, 0, 1, 1])
    >>> image_metrics(scores, labels, only=["auroc", "f1_max"])
    {'auroc': 0.75, 'f1_max': 0.8}
    """
    chosen = _check_names("image_metrics", "image", only)
    counts = counts_of_scores("image_metrics", scores, labels)
    return {name: _of_thresholds(name, counts) for name in chosen}


def pixel_metrics(
    maps: Values, masks: Values, *, only: Sequence[str] | None = None
) -> dict[str, float]:
    """Return the metrics of ``names("pixel")``, or ``only`` some of them.

    maps and masks: (N, H, W), or a list of (H, W). "aupro_published", an approximation for
    comparing with published tables, is computed only if ``only`` names it.
    """
    chosen = _check_names("pixel_metrics", "pixel", only)
    counts = counts_of_maps("pixel_metrics", maps, masks)
    values: dict[str, float] = {}
    for name in chosen:
        values[name] = _of_thresholds(name, counts) if _is_sum(name) else get(name)(maps, masks)
    return values


def pixel_metrics_streamed(
    maps: Values,
    masks: Values,
    *,
    only: Sequence[str] | None = None,
) -> dict[str, float]:
    """Compute ``pixel_metrics`` without a copy of all maps; maps are rounded to float32.

    maps: any sequence of (H, W), which is walked twice, five times for "aupro_published".
    masks: a sequence of as many (H, W), walked once. Both may be sequences that compute an item
    whenever it is looked at. Takes up to 220 bytes per anomalous pixel.

    >>> maps, masks = torch.tensor([[[0.9, 0.1, 0.5, 0.3]]]), torch.tensor([[[1, 0, 0, 1]]])
    >>> pixel_metrics_streamed(maps, masks, only=["auroc"])
    {'auroc': 0.75}
    """
    op = "pixel_metrics_streamed"
    chosen = _check_names(op, "pixel", only)
    if len(maps) != len(masks):
        checks.refuse(op, "masks", f"must be as many as maps, {len(maps)}", len(masks))
    values = _Float32Maps(op, maps)
    counts = check_both(op, "masks", streamed_counts(_pairs(op, values, masks), values))
    metrics: dict[str, float] = {}
    for name in chosen:
        if _is_sum(name):
            metrics[name] = _of_thresholds(name, counts)
        else:
            metrics[name] = _of_values(name, counts, values)
    return metrics


class PixelMetrics:
    """``pixel_metrics`` of more maps than fit in memory.

    The result is exactly that of the maps with their values cut to ``bits`` bits: the sign, the 8
    bits of the exponent and ``bits`` - 9 of the fraction. Maps of float16 lose nothing at 19 bits
    or more, float32 ones little: values that differ by less than one part in 2**(bits - 9) may
    tie. Takes 24 * 2**bits bytes (100 MB), however many maps are added.

    >>> metrics = PixelMetrics()
    >>> metrics.add(torch.tensor([[0.9, 0.1, 0.5, 0.3]]), torch.tensor([[1, 0, 0, 1]]))
    >>> metrics.result()["auroc"]
    0.75
    """

    def __init__(self, *, bits: int = 22) -> None:
        self._histogram = RegionHistogram(bits=bits)

    def add(self, maps: Values, masks: Values) -> None:
        """Add maps and masks: (H, W), (N, H, W), or a list of (H, W), rounded to float32."""
        op = "PixelMetrics.add"
        pair = labeled_values(op, ("maps", "masks"), maps, masks, as_float32)
        self._histogram.add(*as_maps(op, pair))

    def result(self) -> dict[str, float]:
        """Return the metrics of all maps so far."""
        op = "PixelMetrics.result"
        counts = check_both(op, "masks", self._histogram.counts())
        return {name: _of_thresholds(name, counts) for name in _check_names(op, "pixel", None)}


class _Float32Maps:
    """Maps (H, W) as float32 arrays, converted whenever they are looked at."""

    def __init__(self, op: str, maps: Values) -> None:
        self._op = op
        self._maps = maps

    def __iter__(self) -> Iterator[Array]:
        for index in range(len(self._maps)):
            name = f"maps[{index}]"
            array = as_array(self._op, name, self._maps[index])
            if array.ndim != 2:
                checks.refuse(self._op, name, "must have shape (H, W)", array.shape)
            yield as_float32([array])[0]


def _pairs(op: str, maps: Iterable[Array], masks: Values) -> Iterator[LabeledValues]:
    for index, map in enumerate(maps):
        argument_names = (f"maps[{index}]", f"masks[{index}]")
        yield labeled_values(op, argument_names, map, masks[index], as_float32)


def _is_sum(name: str) -> bool:
    """Return whether a metric is a sum over ``ThresholdCounts``."""
    return hasattr(_modules()[name], "of_thresholds")


def _of_thresholds(name: str, counts: ThresholdCounts) -> float:
    module = _modules()[name]
    return float(module.of_thresholds(counts, **module.METRICS[name]))


def _of_values(name: str, counts: ThresholdCounts, values: Iterable[Array]) -> float:
    module = _modules()[name]
    return float(module.of_values(counts, values, **module.METRICS[name]))


def _check_names(op: str, level: str | None, only: Sequence[str] | None) -> tuple[str, ...]:
    """Return the metrics to compute: ``only``, else all sums over ``ThresholdCounts``."""
    choices = names(level)
    if only is None:
        return tuple(name for name in choices if _is_sum(name))
    return tuple(checks.choice(op, "a name", name, choices) for name in only)


@functools.cache
def _modules() -> dict[str, ModuleType]:
    """Return the module of each metric by name."""
    package = importlib.import_module("musc2.metrics")
    modules: dict[str, ModuleType] = {}
    for file in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"musc2.metrics.{file.name}")
        modules |= dict.fromkeys(getattr(module, "METRICS", ()), module)
    return modules
