"""Dense scans: groups are made of evenly spread points, and every point gets a score."""

import numpy as np
import parts
import pytest
import torch

from musc2 import Config, ops, score
from musc2.inputs import Preparation, prepare_cloud
from musc2.inputs.thinning import thin


def plate(rng, count, defective=False):
    """Return a curved plate (P, 3) with noise; defective: with a raised patch."""
    u, v = rng.random((2, count))
    z = 0.05 * np.sin(6 * u) * np.cos(5 * v) + rng.normal(0, 0.0005, count)
    if defective:
        z[(abs(u - 0.4) < 0.05) & (abs(v - 0.45) < 0.06)] += 0.06
    return np.stack([u, v, z], axis=1).astype(np.float32)


def spacing(points):
    """Return the distance of each point to its nearest neighbor."""
    kept = torch.from_numpy(np.ascontiguousarray(points))
    return ops.nearest_points(kept, kept, 2)[1][:, 1].sqrt().numpy()


@pytest.mark.parametrize("count", [7_000, 9_000, 200_000])
def test_kept_points_are_evenly_spread(rng, count):
    points = plate(rng, count)
    kept = thin(points, 4000)
    assert len(kept) == 4000
    assert (np.diff(kept) > 0).all()
    distances, at_random = spacing(points[kept]), spacing(points[:4000])
    assert distances.min() > 3 * np.quantile(at_random, 0.02)
    assert np.quantile(distances, 0.95) < 2.2 * np.quantile(distances, 0.05)


def test_the_density_of_the_scan_does_not_matter(rng):
    medians = []
    for count in (40_000, 400_000):
        points = plate(rng, count)
        medians.append(np.median(spacing(points[thin(points, 4000)])))
    assert medians[0] == pytest.approx(medians[1], rel=0.1)
    points = plate(rng, 100_000)
    half_dense = np.concatenate([points, *(plate(rng, 100_000) for _ in range(3))])
    half_dense = half_dense[(half_dense[:, 0] < 0.5) | (np.arange(400_000) < 100_000)]
    assert (half_dense[:, 0] < 0.5).mean() > 0.75
    kept = half_dense[thin(half_dense, 4000)]
    assert 0.45 < (kept[:, 0] < 0.5).mean() < 0.55


@pytest.mark.parametrize("count", [7_000, 60_000])
def test_the_order_of_the_points_does_not_matter(rng, count):
    points = plate(rng, count)
    order = rng.permutation(count)
    assert np.array_equal(np.sort(order[thin(points[order], 4000)]), thin(points, 4000))


def test_odd_clouds_are_thinned_too(rng):
    points = plate(rng, 30_000)
    assert len(thin(np.ones((20_000, 3), np.float32), 500)) == 1
    assert len(thin(np.repeat(points[:300], 50, 0), 500)) == 300
    line = points[:, :1] * np.ones((1, 3), np.float32)
    assert len(thin(line, 500)) == 500
    far = np.concatenate([points, np.full((1, 3), 1e5, np.float32)])
    kept = thin(far, 500)
    assert len(kept) == 500
    assert kept[-1] == len(points)
    assert np.array_equal(thin(points[:100], 500), np.arange(100))


def test_preparation_keeps_all_points_and_says_which_stand_for_them(rng):
    points = plate(rng, 9_000)
    cloud = prepare_cloud(points, Preparation(max_points=4000))
    assert len(cloud.points) == 9_000
    assert len(cloud.kept) == 4000
    thinned = cloud.thinned()
    assert torch.equal(thinned.points, cloud.points[cloud.kept])
    assert thinned.kept is None
    for most in (None, 9_000):
        whole = prepare_cloud(points, Preparation(max_points=most))
        assert whole.kept is None
        assert whole.thinned() is whole
    assert Config().scan_max_points == 25_000
    assert Config.from_preset("published").scan_max_points is None
    assert Config.from_preset("musc").scan_max_points is None


def test_a_defect_of_a_dense_cloud_is_found_and_every_point_has_a_score(rng):
    clouds = [plate(rng, 90_000, defective=index == 3) for index in range(6)]
    config = Config(scan_max_points=5000)
    result = score(None, clouds, encoder_3d="shape", config=config)
    good = torch.cat([result.scores[:3], result.scores[4:]])
    assert result.scores[3] > 3 * good.max()
    points = result.point_scores[3]
    assert points.shape == (90_000,)
    u, v, _ = clouds[3][int(points.argmax())]
    assert abs(u - 0.4) < 0.1
    assert abs(v - 0.45) < 0.1
    dense = score(None, clouds, encoder_3d="shape", config=config.replace(scan_max_points=None))
    normal = torch.cat([dense.scores[:3], dense.scores[4:]])
    assert dense.scores[3] < 2 * normal.max()  # what thinning is for


def test_a_thinned_map_has_a_score_at_every_pixel(rng):
    scans = parts.maps(rng, 5, size=(48, 48), defect=(3, 24, 30))
    config = parts.SMALL.replace(scan_max_points=600)
    result = parts.score_small(pcd=scans, config=config)
    foreground = torch.from_numpy(scans[3][..., 2] != 0)
    assert int(result.scores.argmax()) == 3
    assert result.maps[3].shape == (48, 48)
    assert (result.maps[3][foreground] > 0).all()
    images = parts.images(rng, 5, size=(48, 48))
    both = parts.score_small(images, scans, config=config)
    assert both.maps_3d[3].shape == (48, 48)
