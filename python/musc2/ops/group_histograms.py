from __future__ import annotations

from collections.abc import Sequence

import torch

from musc2 import checks
from musc2.ops._support import arrays, dispatch

OP = "group_histograms"
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
    """Return histograms of the surface around each center, at several scales.

    points: (P, 3), normals: (P, 3), variation: (P,), all float32, centers: (G,) int32 or int64
    -> (G, len(scales), 38) float32; with offsets (B, G, len(scales), 38) float32

    Args:
        points: the cloud, or with ``offsets`` B clouds one after the other.
        normals: of the points, from ``point_normals``.
        variation: of the points, from ``point_normals``.
        centers: indices of points; with ``offsets`` (B, G), counted from the start of their cloud.
        scales: ascending numbers of nearest points of a center to look at; at most the whole cloud.
        offsets: (B + 1,), where each cloud begins.

    At each scale four histograms, which sum to 1 and do not change when the cloud is turned or
    scaled, count: the sine of the angle to the mean normal (8 bins), how far normals lean away from
    the center (10), heights over the mean (12), the logarithm of the variation (8).

    >>> points = torch.rand(300, 3)
    >>> group_histograms(points, *musc2.ops.point_normals(points), torch.arange(5)).shape
    torch.Size([5, 3, 38])
    """
    xyz = arrays.coordinates(OP, "points", points, "P, 3")
    axes = arrays.finite_tensor(OP, "normals", normals, f"{len(xyz)}, 3")
    shares = arrays.finite_tensor(OP, "variation", variation, f"{len(xyz)}")
    if not shares.is_cuda and bool((shares < 0).any()):
        checks.refuse(OP, "variation", "must be at least 0", float(shares.min()))
    bounds = arrays.cloud_offsets(OP, "offsets", offsets, len(xyz))
    rows = arrays.indices(OP, "centers", centers, "G" if offsets is None else "B, G")
    rows = rows[None] if offsets is None else rows
    arrays.check_same_device(OP, points=xyz, normals=axes, variation=shares, centers=rows)
    arrays.check_centers(OP, rows, bounds)
    widths = _scales(scales)
    clouds, count = rows.shape
    histograms = xyz.new_empty(clouds, count, len(widths), BINS)
    if count > 0:
        largest = max(bounds.diff().tolist(), default=0)
        widest = min(int(widths[-1]), largest)
        scratch = dispatch.scratch(OP, xyz, clouds, count, widest, len(widths))
        bounds = arrays.offsets_on_device_of(bounds, xyz)
        arguments = (axes, shares, bounds, clouds, rows, count, widths, len(widths), histograms)
        dispatch.launch(OP, xyz, *arguments, gpu_only=(largest, scratch))
    return histograms[0] if offsets is None else histograms


def _scales(scales: Sequence[int]) -> torch.Tensor:
    widths = checks.wholes(OP, "scales", scales, 1, arrays.MAX_NEIGHBORS, least=0)
    if not widths or widths != sorted(widths):
        checks.refuse(OP, "scales", "must be ascending whole numbers, at least one", tuple(scales))
    return torch.tensor(widths)
