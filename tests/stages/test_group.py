import numpy as np
import pytest
import torch

from musc2.errors import InputError
from musc2.ops import farthest_points, group_points
from musc2.stages.group import group_clouds


def test_centers_agree_with_the_published_code(golden):
    g = golden("fps")
    points = torch.from_numpy(g["xyz_1500"])
    [(cloud, groups)] = group_clouds([points], count=256, skip_radius=1e-3**0.5, unique=False)
    assert cloud.centers.tolist() == g["fps_idx_1500"].tolist()
    assert groups.index.shape == (256, 128)


def test_a_cloud_holds_what_the_ops_give(rng):
    points = torch.from_numpy(rng.random((700, 3)).astype(np.float32))
    pixels = torch.from_numpy(rng.permutation(900)[:700])
    [(cloud, groups)] = group_clouds(
        [points], [pixels], [(30, 30)], count=64, group_size=32, search=64, start=20
    )
    centers = farthest_points(points, 64)
    expected = group_points(points, centers, size=32, start=20, search=64, unique=True)
    assert torch.equal(cloud.centers, centers.long())
    assert torch.equal(cloud.curvature, expected.curvature)
    assert torch.equal(groups.index, expected.index)
    assert torch.equal(groups.neighborhood, expected.neighborhood)
    assert torch.equal(cloud.pixels, pixels)
    assert cloud.size == (30, 30)


@pytest.mark.parametrize("points", [1, 2, 40])
@pytest.mark.parametrize("kind", ["random", "equal", "collinear"])
def test_few_or_degenerate_points_still_make_groups(rng, points, kind):
    where = rng.random((points, 3))
    where = (
        np.ones((points, 3))
        if kind == "equal"
        else where[:, :1] * np.ones(3)
        if kind == "collinear"
        else where
    )
    [(cloud, groups)] = group_clouds([torch.from_numpy(where.astype(np.float32))], count=64)
    assert cloud.centers.shape == cloud.curvature.shape == (64,)
    assert groups.neighborhood.shape == (64, 128, 3)
    assert groups.neighborhood.isfinite().all()
    assert kind == "random" or cloud.curvature.abs().max() < 1e-3


def test_each_cloud_of_several_is_as_if_alone(rng):
    points = [torch.from_numpy(rng.random((count, 3)).astype(np.float32)) for count in (300, 20, 1)]
    pixels, sizes = [torch.arange(300), None, torch.tensor([5])], [(20, 15), None, (2, 3)]
    together = group_clouds(points, pixels, sizes, count=24)
    assert [cloud.size for cloud, _ in together] == sizes
    for (cloud, groups), xyz, where, size in zip(together, points, pixels, sizes, strict=True):
        [(expected, expected_groups)] = group_clouds([xyz], [where], [size], count=24)
        assert torch.equal(cloud.centers, expected.centers)
        assert torch.equal(cloud.curvature, expected.curvature)
        assert (cloud.pixels is None) if where is None else torch.equal(cloud.pixels, where)
        assert torch.equal(groups.index, expected_groups.index)
        assert torch.equal(groups.neighborhood, expected_groups.neighborhood)


def test_a_cloud_without_points_is_refused():
    with pytest.raises(InputError, match="points"):
        group_clouds([torch.zeros(0, 3)])
