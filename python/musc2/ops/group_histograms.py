from __future__ import annotations

from collections.abc import Sequence

import torch

from musc2 import _cpu
from musc2.errors import InputError
from musc2.ops._support import arrays

BINS = 38


def group_histograms(
    points: arrays.Array,
    normals: arrays.Array,
    variation: arrays.Array,
    centers: arrays.Array,
    *,
    scales: Sequence[int] = (64, 128, 256),
    offsets: arrays.Array | Sequence[int] | None = None,
) -> torch.Tensor:
    """points and normals: (P, 3), variation: (P,) float32, centers: (G,) indices -> (G, scales, 38) float32.

    Each scale looks at that many nearest points of a center (all, where a cloud has fewer) and counts, in histograms
    that sum to 1 and do not change when the cloud is turned or scaled: the sine of the angle to the mean normal (8
    bins), how far normals lean away from the center (10), heights over the mean (12), log of variation (8).
    ``normals`` and ``variation`` are those of ``point_normals``.

    With ``offsets`` (B+1,) the points are B clouds one after the other, centers are (B, G) and count from the beginning
    of their cloud, and the result has B in front.

    >>> points = torch.rand(300, 3)
    >>> group_histograms(points, *musc2.ops.point_normals(points), torch.arange(5)).shape
    torch.Size([5, 3, 38])
    """
    op = "group_histograms"
    xyz = arrays.coordinates(op, "points", points, "P, 3")
    axes = arrays.finite(op, "normals", arrays.tensor(op, "normals", normals, f"{len(xyz)}, 3"))
    shares = arrays.finite(op, "variation", arrays.tensor(op, "variation", variation, f"{len(xyz)}"))
    if bool((shares < 0).any()):
        msg = f"{op}: variation must be at least 0, got {float(shares.min())}"
        raise InputError(msg)
    bounds = arrays.clouds(op, "offsets", offsets, len(xyz))
    chosen = arrays.indices(op, "centers", centers, "G" if offsets is None else "B, G")
    chosen = chosen[None] if offsets is None else chosen
    _check_centers(chosen, bounds)
    sizes = sorted(arrays.whole(op, "scales", scale, 1, arrays.MOST_NEIGHBORS) for scale in scales)
    if not sizes or sizes != list(scales):
        msg = f"{op}: scales must be ascending whole numbers, at least one, got {tuple(scales)}"
        raise InputError(msg)
    widths = torch.tensor(sizes)
    histograms = torch.empty(*chosen.shape, len(sizes), BINS)
    if len(chosen[0]) > 0:
        _cpu.group_histograms(
            xyz.data_ptr(),
            axes.data_ptr(),
            shares.data_ptr(),
            bounds.data_ptr(),
            len(bounds) - 1,
            chosen.data_ptr(),
            chosen.shape[1],
            widths.data_ptr(),
            len(sizes),
            histograms.data_ptr(),
        )
    return histograms[0] if offsets is None else histograms


def _check_centers(centers: torch.Tensor, bounds: torch.Tensor) -> None:
    if len(centers) != len(bounds) - 1:
        msg = f"group_histograms: centers must have one row per cloud ({len(bounds) - 1}), got {len(centers)}"
        raise InputError(msg)
    sizes = bounds.diff()
    outside = (centers < 0) | (centers >= sizes[:, None])
    if bool(outside.any()):
        cloud, center = (int(i) for i in outside.nonzero()[0])
        msg = (
            f"group_histograms: centers must be indices of points, got {int(centers[cloud, center])} "
            f"with {int(sizes[cloud])} points in cloud {cloud}"
        )
        raise InputError(msg)
