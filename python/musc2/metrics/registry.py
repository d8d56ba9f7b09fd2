"""Several figures from one pass over scores or maps."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Sequence
from types import ModuleType

from musc2.errors import InputError
from musc2.metrics.arguments import Array, Values, as_arrays, paired, rounded
from musc2.metrics.streaming import counts_one_by_one
from musc2.metrics.thresholds import as_maps, check_both, counts_of_maps, counts_of_scores
from musc2.ops import RegionHistogram, ThresholdCounts


def names(level: str | None = None) -> tuple[str, ...]:
    """The names of all figures, or of those for "image" or "pixel"."""
    if level not in (None, "image", "pixel"):
        msg = f'names: level must be "image", "pixel" or None, got {level!r}'
        raise InputError(msg)
    return tuple(name for name, module in _modules().items() if level is None or level in module.LEVELS)


def get(name: str) -> Callable[[Values, Values], float]:
    """The function that computes the figure called ``name`` from scores and labels, or maps and masks.

    >>> get("aupro@0.1")(torch.tensor([[[0.9, 0.1, 0.5, 0.3]]]), torch.tensor([[[1, 0, 0, 1]]]))
    0.5
    """
    (known,) = _chosen("get", None, [name])
    module = _modules()[known]
    return functools.partial(getattr(module, module.__name__.split(".")[-1]), **module.METRICS[known])


def image_metrics(scores: Values, labels: Values, *, only: Sequence[str] | None = None) -> dict[str, float]:
    """scores and labels: (N,) -> the figures of ``names("image")``, or ``only`` some of them.

    >>> image_metrics(torch.tensor([0.1, 0.4, 0.3, 0.8]), torch.tensor([0, 0, 1, 1]), only=["auroc", "f1_max"])
    {'auroc': 0.75, 'f1_max': 0.8}
    """
    chosen = _chosen("image_metrics", "image", only)
    counts = counts_of_scores("image_metrics", scores, labels)
    return {name: _of_thresholds(name, counts) for name in chosen}


def pixel_metrics(maps: Values, masks: Values, *, only: Sequence[str] | None = None) -> dict[str, float]:
    """maps and masks: (N, H, W), or a list of (H, W) each -> the exact figures of ``names("pixel")``, or ``only`` some.

    "aupro_published" is an approximation for comparing with published tables: it is there when it is asked for.
    """
    chosen = _chosen("pixel_metrics", "pixel", only)
    counts = counts_of_maps("pixel_metrics", maps, masks)
    return {name: _of_thresholds(name, counts) if _shares(name) else get(name)(maps, masks) for name in chosen}


def pixel_metrics_streamed(maps: Values, masks: Values, *, only: Sequence[str] | None = None) -> dict[str, float]:
    """``pixel_metrics`` without a copy of all maps: of float32 maps, others are rounded to it.

    maps: (N, H, W), or a list of (H, W), which are gone through several times. masks: as many (H, W), asked for one by
    one, so that a sequence may make each when its turn comes. Takes up to 220 bytes per anomalous pixel.

    >>> maps, masks = torch.tensor([[[0.9, 0.1, 0.5, 0.3]]]), torch.tensor([[[1, 0, 0, 1]]])
    >>> pixel_metrics_streamed(maps, masks, only=["auroc"])
    {'auroc': 0.75}
    """
    op = "pixel_metrics_streamed"
    chosen = _chosen(op, "pixel", only)
    if len(maps) != len(masks):
        msg = f"{op}: masks must be as many as maps, {len(maps)}, got {len(masks)}"
        raise InputError(msg)
    values = [_as_map(op, index, one) for index, one in enumerate(maps)]
    pairs = (
        paired(op, (f"maps[{index}]", f"masks[{index}]"), one, masks[index], rounded)
        for index, one in enumerate(values)
    )
    counts = check_both(op, "masks", counts_one_by_one(pairs, values))
    return {
        name: _of_thresholds(name, counts) if _shares(name) else _of_values(name, counts, values) for name in chosen
    }


class PixelMetrics:
    """``pixel_metrics`` of more maps than fit in memory.

    The result is exactly that of the maps with their values cut to ``bits`` bits: the sign, the 8 bits of the exponent
    and ``bits`` - 9 of the fraction. Maps of float16 lose nothing at 19 bits or more, float32 ones little: values that
    differ by less than one part in 2**(bits - 9) may tie. Takes 24 * 2**bits bytes (100 MB), however much is added.

    >>> metrics = PixelMetrics()
    >>> for one, mask in [(torch.tensor([[0.9, 0.1, 0.5, 0.3]]), torch.tensor([[True, False, False, True]]))]:
    ...     metrics.add(one, mask)
    >>> metrics.result()["auroc"]
    0.75
    """

    def __init__(self, *, bits: int = 22) -> None:
        self._histogram = RegionHistogram(bits=bits)

    def add(self, maps: Values, masks: Values) -> None:
        """maps and masks: (H, W), (N, H, W), or a list of (H, W) each; values beyond float32 are rounded to it."""
        op = "PixelMetrics.add"
        self._histogram.add(*as_maps(op, paired(op, ("maps", "masks"), maps, masks, rounded)))

    def result(self) -> dict[str, float]:
        """The figures of all maps so far."""
        counts = check_both("PixelMetrics.result", "masks", self._histogram.counts())
        return {name: _of_thresholds(name, counts) for name in _chosen("PixelMetrics.result", "pixel", None)}


def _shares(name: str) -> bool:
    return hasattr(_modules()[name], "of_thresholds")


def _of_thresholds(name: str, counts: ThresholdCounts) -> float:
    module = _modules()[name]
    return float(module.of_thresholds(counts, **module.METRICS[name]))


def _of_values(name: str, counts: ThresholdCounts, values: Sequence[Array]) -> float:
    module = _modules()[name]
    return float(module.of_values(counts, values, **module.METRICS[name]))


def _as_map(op: str, index: int, one: Values) -> Array:
    (found,) = rounded(as_arrays(op, f"maps[{index}]", one))
    if found.ndim != 2:
        msg = f"{op}: maps[{index}] must have shape (H, W), got {found.shape}"
        raise InputError(msg)
    return found


def _chosen(op: str, level: str | None, only: Sequence[str] | None) -> tuple[str, ...]:
    known = names(level)
    if only is None:
        return tuple(name for name in known if _shares(name))
    for name in only:
        if name not in known:
            msg = f"{op}: a name must be one of {', '.join(known)}, got {name!r}"
            raise InputError(msg)
    return tuple(only)


@functools.cache
def _modules() -> dict[str, ModuleType]:
    package = importlib.import_module("musc2.metrics")
    modules = [
        importlib.import_module(f"musc2.metrics.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    ]
    return {name: module for module in modules if hasattr(module, "METRICS") for name in module.METRICS}
