"""The plane of a border: fitted despite outliers, removed, and the same every time."""

import numpy as np
import pytest
import scans

from musc2.errors import InputError
from musc2.inputs import Label
from musc2.inputs.background import border, remove_plane
from musc2.inputs.plane import Plane, fit_plane

# Largest deviations from the plane of least squares: radians, and meters over a 0.1 m map.
ANGLE, OFFSET = 2e-4, 2e-5


def floor(rng, count, noise=0.0005):
    """Return points of a tilted plane, and its normal and offset by least squares."""
    points = np.stack([*rng.uniform(-0.05, 0.05, (2, count)), rng.normal(0, noise, count)], 1)
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    points = points @ turn.T + [0.01, -0.02, 0.4]
    center = points.mean(0)
    normal = np.linalg.svd(points - center)[2][2]
    return points, normal, center @ normal


def agree(plane, normal, offset):
    sign = np.sign(plane.normal @ normal)
    np.testing.assert_allclose(sign * plane.normal, normal, atol=ANGLE)
    assert abs(sign * plane.offset - offset) < OFFSET
    assert np.linalg.norm(plane.normal) == pytest.approx(1)


def test_three_points_give_their_plane():
    plane = fit_plane(np.array([[0.0, 0, 2], [1, 0, 2], [0, 1, 2]]), distance=0.1)
    np.testing.assert_allclose(np.abs(plane.normal), [0, 0, 1], atol=1e-12)
    assert abs(plane.offset) == pytest.approx(2)
    assert plane.share == 1
    np.testing.assert_allclose(plane.distances(np.array([[5.0, 5, 3], [0, 0, 1.5]])), [1, 0.5])


@pytest.mark.parametrize("outliers", [0, 0.1, 0.4, 0.7])
def test_the_plane_is_that_of_least_squares_over_its_own_points(rng, outliers):
    points, normal, offset = floor(rng, 4000)
    others = rng.uniform(-0.05, 0.05, (int(4000 * outliers / (1 - outliers)), 3)) + points.mean(0)
    others = others[np.abs(others @ normal - offset) > 0.006]
    plane = fit_plane(rng.permutation(np.concatenate([points, others])), distance=0.004)
    agree(plane, normal, offset)
    assert plane.share == pytest.approx(4000 / (4000 + len(others)), abs=1e-3)


def test_the_larger_of_two_planes_wins(rng):
    points, normal, offset = floor(rng, 600)
    wall = floor(rng, 400)[0] + 0.2 * normal
    agree(fit_plane(np.concatenate([points, wall]), distance=0.003), normal, offset)


def test_far_away_planes_keep_their_digits(rng):
    points, normal, offset = floor(rng, 1000)
    plane = fit_plane(points + 1e6 * normal, distance=0.004)
    agree(
        Plane(plane.normal, plane.offset - 1e6 * np.sign(plane.normal @ normal), 1.0),
        normal,
        offset,
    )


def test_a_seed_gives_the_same_plane_and_another_seed_nearly(rng):
    points = np.concatenate([floor(rng, 500)[0], rng.uniform(-1, 1, (300, 3))])
    before = points.copy()
    first, again, other = (fit_plane(points, distance=0.004, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.normal, again.normal)
    assert (first.offset, first.share) == (again.offset, again.share)
    agree(other, first.normal, first.offset)
    assert np.array_equal(points, before)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((0, 3)), "fit_plane: points must lie on a plane for the most part, got 0 points"),
        (np.eye(3)[:2], "got 2 points"),
        (np.arange(30.0)[:, None] * [1, 2, 3], "got points that all lie on a line"),
        (np.ones((9, 3)), "got points that all lie on a line"),
        (
            np.random.default_rng(0).uniform(-1, 1, (5000, 3)),
            r"got none with more than \d\.\d% .* within 0.004",
        ),
    ],
)
def test_points_without_a_plane_are_an_error(points, message):
    with pytest.raises(InputError, match=message):
        fit_plane(points, distance=0.004)


def test_without_its_plane_only_the_part_remains(rng):
    xyz, box = scans.part_on_a_table(rng)
    xyz[rng.random(box.shape) < 0.05] = 0
    xyz[5, 5] = np.nan
    before = xyz.copy()
    valid = xyz[..., 2] != 0
    remaining = remove_plane(xyz)
    assert np.array_equal((remaining != 0).any(2) & valid, (box & valid) | np.isnan(xyz[..., 2]))
    assert np.array_equal(remaining[box], xyz[box])
    assert np.array_equal(xyz, before, equal_nan=True)


def test_the_border_is_ten_pixels_wide_and_holds_the_valid_points():
    xyz = np.ones((40, 50, 3))
    xyz[0, 0, 2], xyz[1, 1, 0] = 0, np.inf
    assert len(border(xyz)) == 40 * 50 - 20 * 30 - 2
    assert len(border(xyz[:19])) == 19 * 50 - 2


@pytest.mark.parametrize("missing", [0, np.nan])
def test_a_map_without_a_border_is_named(rng, missing):
    xyz = scans.part_on_a_table(rng)[0]
    xyz[:10], xyz[-10:], xyz[:, :10], xyz[:, -10:] = missing, missing, missing, missing
    message = (
        r"score: the points within 10 pixels of the border of pcd\[3\] \(a.tiff\) "
        r"must lie on a plane .* got 0 points"
    )
    with pytest.raises(InputError, match=message):
        remove_plane(xyz, label=Label(op="score", text="pcd[3] (a.tiff)"))
