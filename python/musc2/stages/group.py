"""Point groups (IPG), docs/method/algorithm.md section 2: centers of samples with their groups."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TypedDict

import torch

from musc2 import ops
from musc2._arguments.config import resolve
from musc2._transfer import download, upload
from musc2.cloud import Cloud
from musc2.config import Config
from musc2.ops.group_points import Groups


class GroupSettings(TypedDict):
    """The arguments of ``group_clouds`` that a Config sets."""

    count: int
    group_size: int
    start: int
    search: int
    curvature_threshold: float
    unique: bool
    skip_radius: float


def group_clouds(
    points: Sequence[torch.Tensor],
    pixels: Sequence[torch.Tensor | None] | None = None,
    sizes: Sequence[tuple[int, int] | None] | None = None,
    *,
    count: int = 1024,
    group_size: int = 128,
    start: int = 80,
    search: int = 256,
    curvature_threshold: float = 0.01,
    unique: bool = True,
    skip_radius: float = 0.0,
    device: str = "cpu",
) -> list[tuple[Cloud, Groups]]:
    """Return the clouds of samples and, on ``device``, their groups.

    points: (P, 3) float32 of each sample, on the CPU or ``device``, pixels: (P,) of each in a map
    of its size. All samples go through each op in one call, and their groups share memory. A GPU
    is waited for once; clouds are on the CPU in any case.
    """
    offsets = [0, *accumulate(len(xyz) for xyz in points)]
    packed = _packed(points, device)
    centers = ops.farthest_points(packed, count, offsets=offsets, skip_radius=skip_radius)
    groups = ops.group_points(
        packed,
        centers,
        offsets=offsets,
        size=group_size,
        start=start,
        search=search,
        curvature_threshold=curvature_threshold,
        unique=unique,
    )
    is_any_on_gpu = any(xyz.is_cuda for xyz in points)
    own_centers, own_curvature, *own_points = download(
        centers, groups.curvature, *([packed] if is_any_on_gpu else [])
    )
    grouped = []
    for index, xyz in enumerate(points):
        cloud = Cloud(
            points=own_points[0][offsets[index] : offsets[index + 1]] if xyz.is_cuda else xyz,
            centers=own_centers[index],
            curvature=own_curvature[index],
            pixels=None if pixels is None else pixels[index],
            size=None if sizes is None else sizes[index],
        )
        own_groups = Groups(
            index=groups.index[index],
            curvature=groups.curvature[index],
            neighborhood=groups.neighborhood[index],
        )
        grouped.append((cloud, own_groups))
    return grouped


def make_cloud(
    points: torch.Tensor,
    pixels: torch.Tensor | None = None,
    size: tuple[int, int] | None = None,
    *,
    config: Config | str = "musc-v2",
) -> Cloud:
    """Return the cloud of points (P, 3) float32, with centers as ``config`` chooses them.

    pixels: (P,) row * W + column of each point in a map of ``size`` (H, W), for maps of its scores.
    Points are used as they are: center them, and scale them to a largest norm of 1, as ``score``
    does.

    >>> make_cloud(torch.rand(500, 3), config=Config(group_count=16))
    Cloud(500 points, 16 centers)
    """
    settings = resolve("make_cloud", config)
    [(cloud, _)] = group_clouds([points], [pixels], [size], **group_settings(settings))
    return cloud


def _packed(points: Sequence[torch.Tensor], device: str) -> torch.Tensor:
    """Return the points of all samples, one after the other, on ``device``."""
    if any(xyz.is_cuda for xyz in points):
        return torch.cat([upload(xyz, device) for xyz in points])
    return upload(points[0] if len(points) == 1 else torch.cat(list(points)), device)


def group_settings(config: Config) -> GroupSettings:
    """Return the arguments of ``group_clouds`` that ``config`` sets."""
    return {
        "count": config.group_count,
        "group_size": config.group_size,
        "start": config.group_start,
        "search": config.group_search,
        "curvature_threshold": config.curvature_threshold,
        "unique": config.group_unique,
        "skip_radius": config.group_skip_radius,
    }
