import numpy as np
import pytest
from caches import empty_the_caches

from musc2 import Cloud
from musc2.ops import farthest_points, group_points


@pytest.fixture
def empty_caches(monkeypatch, tmp_path):
    """A folder with all caches, which hold no weights."""
    empty_the_caches(monkeypatch, tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def grouped_cloud():
    """A cloud of 600 points with 32 centers, and its groups."""
    points = np.random.default_rng(5).standard_normal((600, 3)).astype("float32")
    points /= abs(points).max()
    centers = farthest_points(points, 32)
    groups = group_points(points, centers, size=32, start=20, search=64)
    return Cloud(points=points, centers=centers, curvature=groups.curvature), groups
