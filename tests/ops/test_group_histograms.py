import backends
import numpy as np
import pytest
import torch
from oracle.group_histograms import group_histograms as oracle
from tolerances import ORACLE

from musc2.errors import InputError
from musc2.ops import group_histograms, point_normals


def sheet(rng, count):
    u, v = rng.uniform(-1, 1, (2, count))
    return np.stack([u, v, 0.3 * np.sin(3 * u) * np.cos(2 * v)], 1).astype(np.float32)


def exact(rng, count):
    """Points on a lattice, none twice: float32 and float64 order distances alike, with ties."""
    return np.unique(np.round(sheet(rng, count) * 64) / 64, axis=0).astype(np.float32)


def test_tiny_case_with_the_answer_written_out(backend):
    """Five points in a plane: no angle, no lean, no height.

    A variation of exp(-5) lies between the middles of two bins.
    """
    points = np.float32([[0, 0, 0], [1, 0, 0], [0, 2, 0], [-3, 0, 0], [0, -4, 0]])
    normals = np.tile(np.float32([0, 0, -1]), (5, 1))
    variation = np.full(5, np.exp(-5) - 1e-5, np.float32)
    histograms = group_histograms(points, normals, variation, np.int32([0]), scales=(1, 5))
    assert histograms.shape == (1, 2, 38)
    sine, tilt, height, share = histograms[0, 1].split([8, 10, 12, 8])
    assert sine.tolist() == [1] + [0] * 7
    torch.testing.assert_close(tilt, torch.tensor([0, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0]))
    torch.testing.assert_close(height, torch.tensor([0, 0, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0, 0]))
    position = 4 * 8 / 7 - 0.5
    expected = np.clip(1 - np.abs(position - np.arange(8)), 0, 1)
    np.testing.assert_allclose(share, expected, atol=1e-5)
    assert histograms[0, 0, 8:18].sum() == 0, "one point is no farther than 0 from the center"


@pytest.mark.parametrize("scales", [(64, 128, 256), (8,), (5, 40), (300, 1000)])
@pytest.mark.parametrize("count", [9, 10])
def test_random_sheets_agree_with_the_oracle(backend, rng, scales, count):
    points = exact(rng, 400)
    normals, variation = point_normals(points)
    centers = rng.integers(0, len(points), count)
    before = points.copy()
    _, atol = ORACLE["group_histograms"]
    result = group_histograms(points, normals, variation, centers, scales=scales)
    np.testing.assert_allclose(
        result, oracle(points, normals.numpy(), variation.numpy(), centers, scales), atol=atol
    )
    assert np.array_equal(points, before)


def test_turning_moving_and_scaling_the_cloud_changes_nothing(backend, rng):
    backends.too_much_for_emulation(backend, 3000 * 256)
    points = sheet(rng, 3000).astype(np.float64)
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    moved = points @ turn.T * 30 + [1, 2, 3]
    sensor = turn @ [0, 0, -1]
    before = group_histograms(
        points.astype(np.float32), *point_normals(points.astype(np.float32)), np.arange(0, 3000, 30)
    )
    surface = point_normals(moved.astype(np.float32), sensor=sensor.tolist())
    torch.testing.assert_close(
        group_histograms(moved.astype(np.float32), *surface, np.arange(0, 3000, 30)),
        before,
        rtol=0,
        atol=0.01,
    )


def test_a_dent_changes_the_histograms_around_it(backend, rng):
    backends.too_much_for_emulation(backend, 3000 * 256)
    points = sheet(rng, 3000)
    dented = points.copy()
    distance = np.hypot(points[:, 0], points[:, 1])
    dented[:, 2] += 0.1 * np.exp(-((distance / 0.08) ** 2)).astype(np.float32)
    centers = np.array([distance.argmin(), distance.argmax()])
    before, after = (group_histograms(p, *point_normals(p), centers) for p in (points, dented))
    change = (after - before).abs().sum((1, 2))
    assert change[0] > 3
    assert change[1] < 0.5


@pytest.mark.parametrize("count", [1, 2, 3, 63, 64, 65])
def test_degenerate_clouds_give_finite_histograms(backend, rng, count):
    line = np.arange(count, dtype=np.float32)[:, None] * np.float32([1, 2, 4])
    for points in (np.full((count, 3), 0.3, np.float32), line, sheet(rng, count)):
        histograms = group_histograms(points, *point_normals(points), np.arange(count))
        sums = torch.stack([part.sum(2) for part in histograms.split([8, 10, 12, 8], dim=2)])
        assert bool(torch.isfinite(histograms).all())
        torch.testing.assert_close(sums[[0, 2, 3]], torch.ones(3, count, 3))
        assert bool(((sums[1] - 1).abs() < 1e-5).logical_or(sums[1] == 0).all())


def test_no_centers_give_no_histograms(backend, rng):
    points = sheet(rng, 20)
    histograms = group_histograms(points, *point_normals(points), np.zeros(0, np.int64))
    assert histograms.shape == (0, 3, 38)


def test_a_packed_batch_equals_its_clouds_one_by_one_for_every_thread_count(
    backend, rng, over_threads
):
    offsets, count = [0, 1, 700, 1000], 90
    if backend == "emulated":
        offsets, count = [0, 1, 70, 100], 5
    points = sheet(rng, offsets[-1])
    normals, variation = point_normals(points, offsets=offsets)
    centers = np.stack([rng.integers(0, size, count) for size in np.diff(offsets)])
    first, *repeats = over_threads(
        lambda: group_histograms(points, normals, variation, centers, offsets=offsets)
    )
    assert all(torch.equal(first, repeat) for repeat in repeats)
    for cloud in range(3):
        own = slice(offsets[cloud], offsets[cloud + 1])
        alone = group_histograms(points[own], normals[own], variation[own], centers[cloud])
        assert torch.equal(first[cloud], alone)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": np.zeros((4, 3))}, "group_histograms: points must be float32, got float64"),
        (
            {"normals": np.zeros((3, 3), np.float32)},
            r"normals must have shape \(4, 3\), got \(3, 3\)",
        ),
        (
            {"variation": np.full(4, np.nan, np.float32)},
            r"variation must be finite, got nan at \(0,\)",
        ),
        ({"variation": np.full(4, -1, np.float32)}, r"variation must be at least 0, got -1.0"),
        ({"centers": np.float32([0])}, "centers must be int32 or int64, got float32"),
        (
            {"centers": np.int32([4])},
            "center 0 of cloud 0 is point 4, but the number of points in that cloud is 4",
        ),
        ({"offsets": [0, 4]}, r"centers must have shape \(B, G\), got \(1,\)"),
        (
            {"offsets": [0, 2, 4], "centers": np.int32([[0]])},
            "offsets describes 2 clouds but centers has rows for 1",
        ),
        ({"scales": ()}, "scales must be ascending whole numbers, at least one"),
        ({"scales": (8, 4)}, r"scales must be ascending whole numbers, at least one, got \(8, 4\)"),
        ({"scales": (2000,)}, "scales must be a whole number from 1 to 1024, got 2000"),
    ],
)
def test_bad_arguments_are_named(changes, message):
    good = {
        "points": np.zeros((4, 3), np.float32),
        "normals": np.tile(np.float32([0, 0, 1]), (4, 1)),
        "variation": np.zeros(4, np.float32),
        "centers": np.int32([0]),
    }
    with pytest.raises(InputError, match=message):
        group_histograms(**(good | changes))
