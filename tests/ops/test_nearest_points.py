import numpy as np
import pytest
import torch
from oracle.nearest_points import nearest_points as oracle
from tolerances import ORACLE

from musc2.errors import InputError
from musc2.ops import nearest_points

LINE = np.float32([[0, 0, 0], [1, 0, 0], [5, 0, 0], [2, 0, 0]])


def cube(rng, count, size=1.0):
    return ((rng.random((count, 3)) - 0.5) * size).astype(np.float32)


def agree_exactly(result, expected):
    assert np.array_equal(result[0].numpy(), expected[0])
    assert np.array_equal(result[1].numpy(), expected[1])


def test_tiny_case_with_the_answer_written_out(backend):
    index, distance2 = nearest_points(LINE, np.float32([[1.75, 0, 0], [-9, 0, 0]]), 3)
    assert (index.dtype, distance2.dtype) == (torch.int32, torch.float32)
    assert index.tolist() == [[3, 1, 0], [0, 1, 3]]
    assert distance2.tolist() == [[0.0625, 0.5625, 3.0625], [81.0, 100.0, 121.0]]


@pytest.mark.parametrize(
    ("count", "k"),
    [(1, 1), (15, 15), (16, 3), (97, 97), (1024, 1024), (3000, 1), (3000, 256), (9000, 1024)],
)
def test_random_clouds_agree_with_the_oracle(backend, rng, count, k):
    points, queries = cube(rng, count), cube(rng, 80, 1.5)
    index, distance2 = nearest_points(points, queries, k)
    agree_exactly((index, distance2), oracle(points, queries, k, np.float32))
    rtol, atol = ORACLE["nearest_points"]
    np.testing.assert_allclose(distance2, oracle(points, queries, k)[1], rtol=rtol, atol=atol)


def test_ties_give_the_lowest_index(backend, rng):
    lattice = np.stack(np.meshgrid(*[np.arange(9.0)] * 3), -1).reshape(-1, 3).astype(np.float32)
    piles = np.repeat(cube(rng, 20), 150, 0)[rng.permutation(3000)]
    for points in (lattice, piles):
        queries = np.concatenate([points[::40], points[::90] + np.float32(0.5)])
        for k in (1, 7, 300):
            expected = oracle(points, queries, k, np.float32)
            agree_exactly(nearest_points(points, queries, k), expected)


@pytest.mark.parametrize("k", [1, 40, 1000])
def test_more_points_at_one_distance_than_are_wanted(backend, rng, k):
    points = cube(rng, 5000)
    points[rng.permutation(5000)[:3500]] = points[7]
    queries = np.concatenate([points[7:8], cube(rng, 4), points[4000:4002]])
    agree_exactly(nearest_points(points, queries, k), oracle(points, queries, k, np.float32))


@pytest.mark.parametrize("size", [1e-21, 1e18, 1e30, 1e38])
def test_scales_at_which_distances_vanish_or_overflow(backend, rng, size):
    points, queries = cube(rng, 1000, size), cube(rng, 20, 2 * size)
    with np.errstate(over="ignore"):
        expected = oracle(points, queries, 200, np.float32)
    agree_exactly(nearest_points(points, queries, 200), expected)


def test_queries_that_alternate_between_dense_and_empty_space(backend, rng):
    points = np.concatenate(
        [cube(rng, 3000, 1e-4), cube(rng, 300, 50), np.zeros((500, 3), np.float32)]
    )
    queries = np.concatenate([points[:40], cube(rng, 40, 100), np.zeros((40, 3), np.float32)])
    queries = queries[rng.permutation(120)]
    for k in (2, 100, 700):
        agree_exactly(nearest_points(points, queries, k), oracle(points, queries, k, np.float32))


def test_the_published_neighbors_come_out(backend, golden):
    stored = golden("knn")
    index, distance2 = nearest_points(stored["xyz"], stored["xyz"], 256)
    distance = stored["dist_first200"]
    np.testing.assert_allclose(distance2[:200].double().sqrt(), distance, rtol=1e-6, atol=0)
    gap = np.diff(distance, append=np.inf, axis=1) > 1e-6 * distance
    clear = gap & np.concatenate([np.ones((200, 1), bool), gap[:, :-1]], 1)
    clear[:, -1] = False  # the gap to the next is not stored
    assert clear.mean() > 0.97
    assert np.array_equal(index[:200].numpy()[clear], stored["idx"][:200][clear])
    assert (index.numpy() == stored["idx"]).mean() > 0.99


def test_each_query_finds_what_a_wider_search_finds_first(backend, rng):
    points, queries = cube(rng, 4000), cube(rng, 50)
    wide = nearest_points(points, queries, 500)
    for k in (1, 40, 499):
        agree_exactly(nearest_points(points, queries, k), [part[:, :k].numpy() for part in wide])


def test_no_queries_give_no_neighbors(backend):
    index, distance2 = nearest_points(LINE, LINE[:0], 2)
    assert index.shape == distance2.shape == (0, 2)


def test_a_packed_batch_equals_its_clouds_one_by_one(backend, rng):
    points, queries = cube(rng, 1000), cube(rng, 300)
    offsets, query_offsets = [0, 20, 600, 1000], torch.tensor([0, 130, 130, 300])
    index, distance2 = nearest_points(
        points, queries, 17, offsets=offsets, query_offsets=query_offsets
    )
    for cloud in range(3):
        own = slice(*offsets[cloud : cloud + 2])
        rows = slice(*query_offsets[cloud : cloud + 2].tolist())
        expected = oracle(points[own], queries[rows], 17, np.float32)
        agree_exactly((index[rows], distance2[rows]), expected)


def test_thread_counts_give_equal_bits(backend, rng, over_threads):
    points, queries = cube(rng, 2000), cube(rng, 200)
    first, *repeats = over_threads(lambda: nearest_points(points, queries, 30))
    assert all(torch.equal(first[k], repeat[k]) for repeat in repeats for k in (0, 1))


def test_the_inputs_are_left_alone(rng):
    points, queries = cube(rng, 300), cube(rng, 9)
    before = points.copy(), queries.copy()
    nearest_points(points, queries, 5)
    assert np.array_equal(points, before[0])
    assert np.array_equal(queries, before[1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": LINE.astype(float)}, "nearest_points: points must be float32, got float64"),
        ({"points": LINE[:0]}, "cloud 0 has no points"),
        ({"queries": LINE[0]}, r"queries must have shape \(Q, 3\), got \(3,\)"),
        ({"queries": LINE * np.float32(np.nan)}, r"queries must be finite, got nan at \(0, 0\)"),
        ({"k": 0}, "k must be a whole number from 1 to 1024, got 0"),
        ({"k": 1025}, "k must be a whole number from 1 to 1024, got 1025"),
        ({"k": 5}, "k is 5, but the number of points in cloud 0 is 4"),
        (
            {"offsets": [0, 3, 4], "query_offsets": [0, 2, 4]},
            "k is 2, but the number of points in cloud 1 is 1",
        ),
        ({"offsets": [0, 2, 4]}, "offsets describes 2 clouds but query_offsets describes 1"),
        (
            {"query_offsets": [0, 5]},
            r"query_offsets must rise from 0 to the number of queries \(4\)",
        ),
    ],
)
def test_bad_arguments_are_named(changes, message):
    arguments = {"points": LINE, "queries": LINE, "k": 2} | changes
    with pytest.raises(InputError, match=message):
        nearest_points(**arguments)
