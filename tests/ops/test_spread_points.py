import numpy as np
import pytest
import torch
from oracle.spread_points import spread_points as oracle
from tolerances import GOLDEN, ORACLE

from musc2 import _cpu
from musc2.errors import InputError
from musc2.ops import spread_points


def cloud(rng, points, centers):
    return (
        rng.standard_normal((points, 3)).astype(np.float32),
        rng.standard_normal((centers, 3)).astype(np.float32),
        rng.random(centers).astype(np.float32),
    )


def test_tiny_case_with_the_answer_written_out(backend):
    centers = torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 9, 0]])
    values = torch.tensor([1.0, 3.0, 100.0])
    points = torch.tensor([[1.0, 0, 0], [-1, 0, 0]])
    nearest_two = spread_points(points, centers, values, neighbors=2)
    assert nearest_two.tolist() == pytest.approx([2.0, 1.2], abs=1e-6)
    assert spread_points(points, centers, values, neighbors=1).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("neighbors", [1, 2, 3, 4, 8])
@pytest.mark.parametrize(("points", "centers"), [(1, 1), (17, 2), (200, 9), (515, 130)])
def test_random_clouds_agree_with_the_oracle(backend, rng, neighbors, points, centers):
    arrays = cloud(rng, points, centers)
    rtol, atol = ORACLE["spread_points"]
    result = spread_points(*arrays, neighbors=neighbors)
    np.testing.assert_allclose(result, oracle(*arrays, neighbors), rtol=rtol, atol=atol)


@pytest.mark.parametrize("neighbors", [1, 3, 5, 8])
def test_ties_go_to_the_lowest_index(backend, rng, neighbors):
    points = rng.integers(0, 3, (300, 3)).astype(np.float32)
    centers = rng.integers(0, 3, (40, 3)).astype(np.float32)
    values = rng.random(40, dtype=np.float32)
    rtol, atol = ORACLE["spread_points"]
    result = spread_points(points, centers, values, neighbors=neighbors)
    expected = oracle(points, centers, values, neighbors)
    np.testing.assert_allclose(result, expected, rtol=rtol, atol=atol)


def test_published_values(backend, golden):
    stored = golden("interpolate")
    xyz = stored["xyz"]
    result = spread_points(xyz, xyz[stored["center_idx"]], stored["center_scores"])
    for name in ("interpolated_float64", "interpolated"):
        rtol, atol = GOLDEN[name]
        np.testing.assert_allclose(result, stored[name], rtol=rtol, atol=atol)


def test_a_point_on_a_center_takes_its_value(backend, rng):
    points, _, values = cloud(rng, 50, 50)
    np.testing.assert_allclose(spread_points(points, points, values), values, rtol=1e-5, atol=1e-6)


def test_a_packed_batch_equals_its_samples_alone_for_all_thread_counts(backend, rng, over_threads):
    arrays = points, centers, values = cloud(rng, 700, 60)
    offsets, center_offsets = np.array([0, 300, 300, 301, 700]), [0, 2, 2, 20, 60]
    alone = []
    for sample in (0, 2, 3):  # sample 1 is empty
        own = slice(*offsets[sample : sample + 2])
        rows = slice(*center_offsets[sample : sample + 2])
        alone.append(spread_points(points[own], centers[rows], values[rows]))
    before = [array.copy() for array in arrays]
    batch = {"offsets": offsets, "center_offsets": center_offsets}
    for result in over_threads(lambda: spread_points(*arrays, **batch)):
        assert torch.equal(result, torch.cat(alone))
    assert all(np.array_equal(array, copy) for array, copy in zip(arrays, before, strict=True))


def test_instruction_sets_give_equal_bits(rng):
    arrays = cloud(rng, 333, 77)
    results = []
    for isa in _cpu.isas():
        _cpu.set_isa(isa)
        results.append(spread_points(*arrays))
    _cpu.set_isa("")
    assert all(torch.equal(results[0], result) for result in results)


def test_no_points_give_no_values():
    nothing, centers = np.empty((0, 3), np.float32), np.zeros((2, 3), np.float32)
    assert spread_points(nothing, centers, centers[:, 0]).shape == (0,)
    assert spread_points(nothing, nothing, nothing[:, 0]).shape == (0,)


def test_huge_coordinates_stay_finite():
    points = torch.tensor([[-1e18, 1e18, -1e18]])
    assert spread_points(points, -points, torch.tensor([3.0])).tolist() == [3.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"points": np.zeros((5, 2), np.float32)},
            r"spread_points: points must have shape \(P, 3\), got \(5, 2\)",
        ),
        ({"points": np.zeros((5, 3))}, "points must be float32, got float64"),
        (
            {"points": np.full((1, 3), np.inf, np.float32)},
            r"points must be finite, got inf at \(0, 0\)",
        ),
        (
            {"points": np.full((1, 3), -1e19, np.float32)},
            "points must be coordinates of at most 1e18, got -9.99",
        ),
        (
            {"centers": np.full((2, 3), np.nan, np.float32)},
            r"centers must be finite, got nan at \(0, 0\)",
        ),
        ({"values": np.zeros(3, np.float32)}, "centers has 2 rows but values has 3"),
        (
            {"values": np.array([0, np.nan], np.float32)},
            r"values must be finite, got nan at \(1,\)",
        ),
        ({"neighbors": 0}, "neighbors must be a whole number from 1 to 8, got 0"),
        ({"neighbors": 9}, "neighbors must be a whole number from 1 to 8, got 9"),
        ({"offsets": [0, 2, 5]}, "offsets describes 2 samples but center_offsets describes 1"),
        (
            {"offsets": [0, 4]},
            r"offsets must rise from 0 to the number of points \(5\), got \[0, 4\]",
        ),
        (
            {"offsets": [0, 2, 5], "center_offsets": [0, 2, 2]},
            "spread_points: sample 1 has points but no centers",
        ),
    ],
)
def test_bad_arguments_are_named(change, message):
    good = {
        "points": np.zeros((5, 3), np.float32),
        "centers": np.zeros((2, 3), np.float32),
        "values": np.zeros(2, np.float32),
    }
    with pytest.raises(InputError, match=message):
        spread_points(**(good | change))
