"""Kernels of points stay in bounds with any values: on a GPU nothing checks them before."""

import numpy as np
import pytest
import torch

from musc2.ops import farthest_points, group_points, nearest_points
from musc2.ops._support import arrays, dispatch

pytest.importorskip("musc2._cuda_emulated")
SIZES = [1, 300, 2000]
OFFSETS = np.cumsum([0, *SIZES])


@pytest.fixture(params=[np.nan, -np.nan, np.inf])
def points(request, rng, monkeypatch):
    """Clouds with some, half and all coordinates of a value that the ops refuse on a CPU."""
    monkeypatch.setattr(arrays, "finite", lambda op, name, value: value)
    clouds = rng.normal(size=(3, sum(SIZES), 3)).astype(np.float32)
    for cloud, share in zip(clouds, (0.01, 0.5, 1.0), strict=True):
        cloud[rng.random(cloud.shape) < share] = request.param
    with dispatch.emulated():
        yield clouds


def in_bounds(index, sizes):
    return all(
        bool(((rows >= 0) & (rows < size)).all()) for rows, size in zip(index, sizes, strict=True)
    )


def test_farthest_points(points):
    for cloud in points:
        assert in_bounds(farthest_points(cloud, 30, offsets=OFFSETS, skip_radius=0.5), SIZES)


def test_nearest_points(points):
    for cloud in points:
        index, _ = nearest_points(cloud, cloud[::100], 200)
        assert in_bounds([index], [sum(SIZES)])
        assert all(len(set(row)) == 200 for row in index.tolist())


@pytest.mark.parametrize("unique", [False, True])
def test_group_points_with_centers_out_of_range_too(points, unique, monkeypatch):
    monkeypatch.setattr(arrays, "check_centers", lambda op, centers, bounds: None)
    centers = np.int64([[0, 0, -1], [299, 300, 150], [-(2**40), 2**40, 5]])
    for cloud in points:
        groups = group_points(
            cloud, centers, offsets=OFFSETS, size=64, start=20, search=100, unique=unique
        )
        assert in_bounds(groups.index, SIZES)
        assert torch.isfinite(groups.curvature).all()
