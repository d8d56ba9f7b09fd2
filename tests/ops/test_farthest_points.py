from itertools import pairwise

import numpy as np
import pytest
import torch
from oracle.farthest_points import farthest_points as oracle

from musc2.errors import InputError
from musc2.ops import farthest_points

LINE = np.float32([[0, 0, 0], [1, 0, 0], [5, 0, 0], [2, 0, 0]])


def exact(rng, *shape):
    """Coordinates whose squared distances are exact in float32: float64 agrees, ties included."""
    return (rng.integers(-256, 257, (*shape, 3)) / 256).astype(np.float32)


def cube(rng, count, size=1.0):
    return ((rng.random((count, 3)) - 0.5) * size).astype(np.float32)


def test_tiny_case_with_the_answer_written_out(backend):
    picks = farthest_points(LINE, 3)
    assert picks.dtype == torch.int32
    assert picks.tolist() == [0, 2, 3]
    assert farthest_points(LINE, 4, start=3).tolist() == [3, 2, 0, 1]


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 96, 97, 500, 3000])
def test_random_clouds_agree_with_the_oracle(backend, rng, count):
    points = exact(rng, count)
    pick_count, start = min(count, 200), count // 2
    picks = farthest_points(points, pick_count, start=start)
    assert picks.tolist() == oracle(points, pick_count, start)


@pytest.mark.parametrize("size", [1e-18, 1.0, 1e18, 1e30])
def test_rounding_is_that_of_float32_at_any_scale(backend, rng, size):
    points = cube(rng, 2000, size)
    with np.errstate(over="ignore"):
        assert farthest_points(points, 300).tolist() == oracle(points, 300, precision=np.float32)


def test_lopsided_clouds_agree_with_the_oracle(backend, rng):
    powers = np.exp2(rng.integers(-40, 40, (3000, 1))).astype(np.float32) * cube(rng, 3000)
    piles = np.concatenate(
        [np.zeros((2000, 3), np.float32), cube(rng, 100), np.ones((500, 3), np.float32)]
    )
    for points in (powers, piles):
        assert farthest_points(points, 150).tolist() == oracle(points, 150, precision=np.float32)


def test_ties_give_the_lowest_index(backend):
    corners = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]])
    assert farthest_points(corners, 5).tolist() == [0, 1, 2, 3, 4]
    lattice = np.stack(np.meshgrid(*[np.arange(9.0)] * 3), -1).reshape(-1, 3).astype(np.float32)
    assert farthest_points(lattice, 729).tolist() == oracle(lattice, 729)


def test_more_picks_than_different_points_repeat_the_lowest_index(backend, rng):
    assert farthest_points(LINE[:1], 3).tolist() == [0, 0, 0]
    repeated = farthest_points(np.repeat(LINE, 200, 0), 6, start=700)
    assert repeated.tolist() == [700, 400, 0, 200, 0, 0]
    points = exact(rng, 40)
    assert sorted(farthest_points(points, 40).tolist()) == list(range(40))
    assert farthest_points(points, 45)[40:].tolist() == [0] * 5


def test_points_within_the_skip_radius_are_never_taken(backend, rng):
    points = cube(rng, 2000)
    for radius in (0.3, 0.5, 2.0):
        picks = farthest_points(points, 100, start=7, skip_radius=radius)
        assert picks.tolist() == oracle(points, 100, 7, radius, np.float32)
    assert picks.tolist() == [7] + [0] * 99
    assert farthest_points(LINE, 4, skip_radius=1.0).tolist() == [0, 2, 3, 2]


@pytest.mark.parametrize(
    ("cloud", "variant"),
    [("1500", "1500"), ("6000", "6000"), ("flat", "flat"), ("lattice", "lattice_lowest")],
)
def test_the_published_picks_come_out(backend, golden, cloud, variant):
    stored = golden("fps")
    picks = stored[f"fps_idx_{variant}"]
    result = farthest_points(stored[f"xyz_{cloud}"], len(picks), skip_radius=1e-3**0.5)
    assert np.array_equal(result, picks)


def test_every_pick_is_a_farthest_point(backend, rng):
    points = cube(rng, 5000).astype(np.float64)
    picks = farthest_points(points.astype(np.float32), 400).numpy()
    nearest = np.full(5000, np.inf)
    for before, pick in pairwise(picks):
        nearest = np.minimum(nearest, np.square(points - points[before]).sum(1))
        assert nearest[pick] >= nearest.max() * (1 - 1e-6)


def test_a_packed_batch_equals_its_clouds_one_by_one(backend, rng):
    sizes = [1, 700, 16, 97]
    points = cube(rng, sum(sizes))
    offsets = np.cumsum([0, *sizes])
    picks = farthest_points(points, 50, offsets=offsets, skip_radius=0.2)
    for cloud in range(4):
        alone = farthest_points(points[offsets[cloud] : offsets[cloud + 1]], 50, skip_radius=0.2)
        assert torch.equal(picks[cloud], alone)
    assert farthest_points(points, 50, offsets=[0, len(points)]).shape == (1, 50)
    assert farthest_points(points[:0], 50, offsets=[0]).shape == (0, 50)


def test_thread_counts_give_equal_bits(backend, rng, over_threads):
    points = cube(rng, 6000)
    first, *repeats = over_threads(
        lambda: farthest_points(points, 100, offsets=[0, 1000, 1500, 6000])
    )
    assert all(torch.equal(first, repeat) for repeat in repeats)


def test_clouds_larger_than_a_block_or_a_cluster_of_a_gpu_holds(backend, rng, over_threads):
    sizes = [12_000, 40, 41_000]
    points, offsets = cube(rng, sum(sizes)), np.cumsum([0, *sizes])
    first, *repeats = over_threads(lambda: farthest_points(points, 6, offsets=offsets))
    assert all(torch.equal(first, repeat) for repeat in repeats)
    clouds = np.split(points, offsets[1:-1])
    assert first.tolist() == [oracle(cloud, 6, precision=np.float32) for cloud in clouds]
    large = cube(rng, 90_000)
    scan = large[np.lexsort(np.round(16 * large).T)]
    for cloud in (large, scan):
        picks = farthest_points(cloud, 8, start=89_999)
        assert picks.tolist() == oracle(cloud, 8, 89_999, precision=np.float32)


def test_the_input_is_left_alone(rng):
    points = cube(rng, 300)
    before = points.copy()
    farthest_points(points, 20, skip_radius=0.1)
    assert np.array_equal(points, before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": LINE.astype(float)}, "farthest_points: points must be float32, got float64"),
        ({"points": LINE[:, :2]}, r"points must have shape \(P, 3\), got \(4, 2\)"),
        ({"points": LINE[:0]}, "cloud 0 has no points"),
        ({"points": LINE * np.float32(np.nan)}, r"points must be finite, got nan at \(0, 0\)"),
        ({"offsets": [0, 2, 2, 4]}, "cloud 1 has no points"),
        ({"offsets": [0, 3]}, r"offsets must rise from 0 to the number of points \(4\)"),
        ({"count": 0}, "count must be a whole number of at least 1, got 0"),
        ({"count": 1.5}, "count must be a whole number of at least 1, got 1.5"),
        ({"start": -1}, "start must be a whole number of at least 0, got -1"),
        (
            {"start": 2, "offsets": [0, 3, 4]},
            "start is 2, but the number of points in cloud 1 is 1",
        ),
        ({"skip_radius": -0.5}, "skip_radius must be a finite number of at least 0, got -0.5"),
        (
            {"skip_radius": float("nan")},
            "skip_radius must be a finite number of at least 0, got nan",
        ),
    ],
)
def test_bad_arguments_are_named(changes, message):
    arguments = {"points": LINE, "count": 2} | changes
    with pytest.raises(InputError, match=message):
        farthest_points(**arguments)
