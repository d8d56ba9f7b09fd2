from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from musc2.errors import InputError
from musc2.ops._support import arrays, gpu, native


@dataclass(frozen=True, kw_only=True)
class Groups:
    """index: (G, size) int32, curvature: (G,) float32, neighborhood: (G, size, 3) float32, points minus the center.

    Of a packed batch each has B in front.
    """

    index: torch.Tensor
    curvature: torch.Tensor
    neighborhood: torch.Tensor


def group_points(
    points: arrays.Array,
    centers: arrays.Array,
    *,
    size: int = 128,
    start: int = 80,
    search: int = 256,
    curvature_threshold: float = 0.01,
    unique: bool = False,
    offsets: arrays.Array | Sequence[int] | None = None,
) -> Groups:
    """points: (P, 3) float32, centers: (G,) int32 or int64, indices of points -> Groups.

    Curvature is the smallest eigenvalue of the covariance of a center's nearest points 1 ... size-1, as a share of all
    three; 0 where they are all at one place. Below ``curvature_threshold`` the group is the ``size`` nearest points. Else it
    begins with the ``start`` nearest and grows within the ``search`` nearest: a step puts up to ``start`` of the points
    that are nearest to the group in front of it. With ``unique`` a point comes in once, by its distance to the nearest
    member; without, as published, the nearest pairs of member and point count, so that points come in several times.

    Where a cloud has fewer than ``search`` points, all are searched; a group of m < ``size`` members is repeated from
    its front (entry i is entry i mod m).

    With ``offsets`` (B+1,) the points are B clouds one after the other and centers are (B, G); indices count from the
    beginning of their cloud.
    """
    op = "group_points"
    xyz = arrays.finite(op, "points", arrays.tensor(op, "points", points, "P, 3"))
    bounds = arrays.clouds(op, "offsets", offsets, len(xyz))
    chosen = arrays.indices(op, "centers", centers, "G" if offsets is None else "B, G")
    chosen = chosen[None] if offsets is None else chosen
    arrays.check_same_device(op, points=xyz, centers=chosen)
    _check_centers(chosen, bounds)
    size = arrays.whole(op, "size", size, 1, arrays.MOST_NEIGHBORS)
    search = arrays.whole(op, "search", search, 1, arrays.MOST_NEIGHBORS)
    start = arrays.whole(op, "start", start, 1)
    curvature_threshold = arrays.number(op, "curvature_threshold", curvature_threshold, 0.0)
    shape = tuple(chosen.shape)
    index = torch.empty(*shape, size, dtype=torch.int32, device=xyz.device)
    curvature = torch.empty(shape, dtype=torch.float32, device=xyz.device)
    neighborhood = torch.empty(*shape, size, 3, dtype=torch.float32, device=xyz.device)
    bounds = arrays.offsets_on_device_of(bounds, xyz)
    kernels = native.kernels(xyz)
    scratch = kernels.scratch(op, *shape, search) if isinstance(kernels, gpu.Launcher) else None
    kernels.group_points(
        xyz.data_ptr(),
        bounds.data_ptr(),
        shape[0],
        chosen.data_ptr(),
        shape[1],
        size,
        min(start, size),
        search,
        curvature_threshold,
        bool(unique),
        index.data_ptr(),
        curvature.data_ptr(),
        neighborhood.data_ptr(),
        *([] if scratch is None else [scratch.data_ptr()]),
    )
    if offsets is None:
        index, curvature, neighborhood = index[0], curvature[0], neighborhood[0]
    return Groups(index=index, curvature=curvature, neighborhood=neighborhood)


def _check_centers(centers: torch.Tensor, bounds: torch.Tensor) -> None:
    if len(centers) != len(bounds) - 1:
        msg = f"group_points: centers must have one row per cloud ({len(bounds) - 1}), got {len(centers)}"
        raise InputError(msg)
    if centers.is_cuda:
        return
    sizes = bounds.diff()
    outside = (centers < 0) | (centers >= sizes[:, None])
    if bool(outside.any()):
        cloud, center = (int(i) for i in outside.nonzero()[0])
        msg = (
            f"group_points: centers must be indices of points, got {int(centers[cloud, center])} "
            f"with {int(sizes[cloud])} points in cloud {cloud}"
        )
        raise InputError(msg)
