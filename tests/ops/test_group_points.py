from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from oracle.group_points import group_points as oracle
from tolerances import GOLDEN, ORACLE

from musc2.errors import InputError
from musc2.ops import farthest_points, group_points, nearest_points

LINE = np.float32([[0, 0, 0], [1, 0, 0], [5, 0, 0], [2, 0, 0]])


def cube(rng, count):
    return (rng.random((count, 3)) - 0.5).astype(np.float32)


def exact(rng, count):
    """A rough sheet on a grid, whose squared distances are exact in float32, ties included."""
    return (rng.integers(-200, 201, (count, 3)) * [1, 1, 0.25] // 1 / 256).astype(np.float32)


def agrees(groups, points, centers, *settings):
    rtol, atol = ORACLE["group_points"]
    for row, center in enumerate(centers):
        index, curvature = oracle(points, center, *settings)
        assert groups.index[row].tolist() == index
        np.testing.assert_allclose(groups.curvature[row], curvature, rtol=rtol, atol=atol)
    own = torch.as_tensor(points)
    offsets = own[groups.index.long()] - own[torch.as_tensor(centers).long()][:, None]
    assert torch.equal(groups.neighborhood, offsets)


def same(first, second):
    return all(
        torch.equal(getattr(first, name), getattr(second, name))
        for name in ("index", "curvature", "neighborhood")
    )


@pytest.mark.parametrize(
    ("unique", "index"),
    # From {0, 1} to {2, 3, 4}: the nearest pairs are 1-2 (1), 0-2 and 1-3 (4), 0-3 and 1-4 (9).
    [(False, [2, 2, 0, 1]), (True, [2, 3, 0, 1])],
)
def test_tiny_case_with_the_answer_written_out(backend, unique, index):
    points = np.float32([[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0], [4, 0, 0]])
    groups = group_points(
        points, np.int32([0]), size=4, start=2, search=5, curvature_threshold=0.0, unique=unique
    )
    assert groups.index.tolist() == [index]
    assert groups.curvature.tolist() == [0.0]
    assert groups.neighborhood[0, :, 0].tolist() == [float(i) for i in index]
    flat = group_points(points, np.int32([0]), size=4, start=2, search=5)
    assert flat.index.tolist() == [[0, 1, 2, 3]]


def test_curvature_of_the_corners_of_an_octahedron_is_a_third(backend):
    corners = np.float32(
        [[0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]
    )
    groups = group_points(corners, np.int32([0]), size=7, search=7)
    np.testing.assert_allclose(groups.curvature, 1 / 3, rtol=1e-7)


@pytest.mark.parametrize("unique", [False, True])
@pytest.mark.parametrize(
    ("size", "start", "search", "threshold"),
    [
        (128, 80, 256, 0.01),
        (128, 80, 256, 0.0),
        (100, 30, 150, 0.0),
        (64, 7, 64, 0.03),
        (9, 1, 20, 0.0),
        (16, 50, 40, 0.0),
        (300, 400, 500, 0.0),
        (2, 1, 3, 0.0),
        (1, 1, 1, 0.0),
        (40, 10, 30, 0.05),
    ],
)
def test_random_clouds_agree_with_the_oracle(backend, rng, size, start, search, threshold, unique):
    points = exact(rng, 700)
    centers = rng.integers(0, 700, 12)
    groups = group_points(
        points,
        centers,
        size=size,
        start=start,
        search=search,
        curvature_threshold=threshold,
        unique=unique,
    )
    agrees(groups, points, centers, size, start, search, threshold, unique)


@pytest.mark.parametrize("unique", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 79, 80, 81, 100, 127, 128, 200, 255])
def test_clouds_smaller_than_what_is_asked_for_repeat_their_groups(backend, rng, count, unique):
    points = exact(rng, count)
    centers = np.arange(count)[:: 1 + count // 4]
    for threshold in (0.0, 0.01):
        groups = group_points(points, centers, curvature_threshold=threshold, unique=unique)
        agrees(groups, points, centers, 128, 80, 256, threshold, unique)


@pytest.mark.parametrize("unique", [False, True])
def test_equal_and_collinear_points(backend, rng, unique):
    here = np.full((300, 3), 0.3, np.float32)
    elsewhere = np.concatenate([here[:1], here + np.float32(0.1)])
    line = np.arange(300, dtype=np.float32)[:, None] * np.float32([1, 2, 4])
    for points in (here, elsewhere, line):
        for threshold in (0.0, 0.01):
            groups = group_points(
                points, np.int64([0, 150]), curvature_threshold=threshold, unique=unique
            )
            assert groups.curvature.max() < 1e-12
    assert torch.equal(group_points(here, np.int64([0])).curvature, torch.zeros(1))
    assert torch.equal(group_points(elsewhere, np.int64([0])).curvature, torch.zeros(1))
    assert group_points(here, np.int64([5])).index.tolist() == [list(range(128))]


@pytest.mark.parametrize("name", ["ipg_smooth", "ipg_ridge", "ipg_steps"])
def test_the_published_groups_come_out(backend, golden, name):
    stored = golden(name)
    groups = group_points(stored["xyz"], stored["center_idx"])
    for array in ("curvatures", "curv64"):
        rtol, atol = GOLDEN[array]
        np.testing.assert_allclose(groups.curvature, stored[array], rtol=rtol, atol=atol)
    index = groups.index.numpy()
    assert np.array_equal(index, stored["idx_exact"])
    assert np.array_equal(index[:, 48:], stored["idx"][:, 48:])
    assert np.array_equal(np.sort(index[:, :48], 1), np.sort(stored["idx"][:, :48], 1))
    same_order = (index == stored["idx"]).all(1)
    neighborhood = groups.neighborhood.numpy()
    assert np.array_equal(neighborhood[same_order], stored["neighborhood"][same_order])


def test_unique_groups_hold_different_points_and_start_like_the_nearest(backend, rng):
    points = cube(rng, 3000)
    centers = farthest_points(points, 100)
    groups = group_points(points, centers, curvature_threshold=0.0, unique=True)
    assert all(len(set(row)) == 128 for row in groups.index.tolist())
    nearest = nearest_points(points, points[centers.numpy()], 80)[0]
    assert torch.equal(groups.index[:, 48:], nearest)
    flat_groups = group_points(points, centers, curvature_threshold=1.0)
    assert torch.equal(flat_groups.index[:, :80], nearest)


def test_a_group_does_not_jump_over_a_gap(backend):
    """Two sheets, one above the other: the group of a center at the rim grows along its own."""
    u, v = (axis.ravel() for axis in np.meshgrid(np.arange(20), np.arange(20)))
    sheets = [np.stack([u, v, u * 0 + height], 1) for height in (0, 8)]
    points = np.concatenate(sheets).astype(np.float32)
    grown = group_points(points, np.int64([10 * 20]), curvature_threshold=0.0, unique=True)
    assert (grown.index < 400).all()
    nearest = group_points(points, np.int64([10 * 20]), curvature_threshold=1.0)
    assert not (nearest.index < 400).all()


def test_curvature_does_not_depend_on_scale(backend, rng):
    points = exact(rng, 400)
    centers = np.arange(0, 400, 40)
    usual = group_points(points, centers, size=30).curvature
    for scale in (2.0**-60, 2.0**60):
        scaled = group_points(points * np.float32(scale), centers, size=30)
        assert torch.equal(scaled.curvature, usual)


def test_a_packed_batch_equals_its_clouds_one_by_one(backend, rng):
    sizes = [1, 700, 150]
    points, offsets = cube(rng, sum(sizes)), np.cumsum([0, *sizes])
    centers = np.stack([rng.integers(0, size, 40) for size in sizes])
    groups = group_points(points, centers, offsets=offsets)
    for cloud in range(3):
        alone = group_points(points[offsets[cloud] : offsets[cloud + 1]], centers[cloud])
        assert torch.equal(groups.index[cloud], alone.index)
        assert torch.equal(groups.curvature[cloud], alone.curvature)
        assert torch.equal(groups.neighborhood[cloud], alone.neighborhood)


def test_no_centers_give_no_groups(backend):
    groups = group_points(LINE, np.zeros(0, np.int64))
    assert [tuple(part.shape) for part in vars(groups).values()] == [(0, 128), (0,), (0, 128, 3)]


def test_thread_counts_give_equal_bits(backend, rng, over_threads):
    points = cube(rng, 1000)
    first, *repeats = over_threads(lambda: group_points(points, np.arange(100)))
    assert all(same(first, repeat) for repeat in repeats)


def test_the_inputs_are_left_alone_and_the_result_is_frozen(rng):
    points, centers = cube(rng, 300), np.arange(9)
    before = points.copy()
    groups = group_points(points, centers)
    assert np.array_equal(points, before)
    assert np.array_equal(centers, np.arange(9))
    with pytest.raises(FrozenInstanceError):
        groups.index = groups.curvature


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": LINE.astype(float)}, "group_points: points must be float32, got float64"),
        ({"points": LINE[:0]}, "cloud 0 has no points"),
        ({"points": LINE * np.float32(np.nan)}, r"points must be finite, got nan at \(0, 0\)"),
        ({"centers": np.float32([0])}, "centers must be int32 or int64, got float32"),
        ({"centers": np.int32([[0]])}, r"centers must have shape \(G\), got \(1, 1\)"),
        (
            {"centers": np.int32([0, 4])},
            "center 1 of cloud 0 is point 4, but the number of points in that cloud is 4",
        ),
        (
            {"centers": np.int32([-1])},
            "center 0 of cloud 0 is point -1, but the number of points in that cloud is 4",
        ),
        ({"offsets": [0, 4]}, r"centers must have shape \(B, G\), got \(1,\)"),
        (
            {"offsets": [0, 2, 4], "centers": np.int32([[0]])},
            "offsets describes 2 clouds but centers has rows for 1",
        ),
        (
            {"offsets": [0, 3, 4], "centers": np.int32([[2], [1]])},
            "center 0 of cloud 1 is point 1, but the number of points in that cloud is 1",
        ),
        ({"size": 0}, "size must be a whole number from 1 to 1024, got 0"),
        ({"start": 0}, "start must be a whole number of at least 1, got 0"),
        ({"search": 1025}, "search must be a whole number from 1 to 1024, got 1025"),
        (
            {"curvature_threshold": float("nan")},
            "curvature_threshold must be a finite number of at least 0, got nan",
        ),
    ],
)
def test_bad_arguments_are_named(changes, message):
    arguments = {"points": LINE, "centers": np.int32([0])} | changes
    with pytest.raises(InputError, match=message):
        group_points(**arguments)
