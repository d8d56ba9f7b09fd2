import itertools

import backends
import numpy as np
import pytest
import torch
from oracle.point_normals import point_normals as oracle
from tolerances import ORACLE

from musc2 import _cpu
from musc2.errors import InputError
from musc2.ops import point_normals

SENSOR = (0.0, 0.0, -1.0)


def sheet(rng, count):
    """A wavy sheet on a lattice of 1/64, whose squared distances are exact in float32."""
    u, v = rng.integers(-64, 65, (2, count)) / 64
    height = np.round(64 * (0.3 * np.sin(3 * u) * np.cos(2 * v) + 0.05 * (u > 0.3))) / 64
    return np.stack([u, v, height], 1).astype(np.float32)


def turned(rng):
    q, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    return q * np.sign(np.linalg.det(q))


def test_tiny_case_with_the_answer_written_out(backend):
    """A square with a point over its middle has the variances 4, 4 and, of heights, 0.8."""
    points = torch.tensor([[1.0, 1, 0], [1, -1, 0], [-1, 1, 0], [-1, -1, 0], [0, 0, 1]])
    normals, variation = point_normals(points)
    torch.testing.assert_close(variation, torch.full((5,), 0.8 / 8.8))
    assert torch.equal(normals.abs(), torch.tensor([0.0, 0.0, 1.0]).repeat(5, 1))
    assert bool((normals[:, 2] == -1).all())
    assert bool((point_normals(points, sensor=(0.1, 0.2, 3.0))[0][:, 2] == 1).all())


@pytest.mark.parametrize("neighbors", [24, 4, 100, 300])
@pytest.mark.parametrize("sensor", [SENSOR, (1.0, 2.0, -4.0)])
def test_random_sheets_agree_with_the_oracle(backend, rng, neighbors, sensor):
    points = np.unique(sheet(rng, 300), axis=0)
    before = points.copy()
    rtol, atol = ORACLE["point_normals"]
    normals, variation = point_normals(points, neighbors=neighbors, sensor=sensor)
    expected, shares = oracle(points, neighbors, sensor)
    np.testing.assert_allclose(normals, expected, rtol=rtol, atol=atol)
    np.testing.assert_allclose(variation, shares, rtol=rtol, atol=atol)
    assert np.array_equal(points, before)


@pytest.mark.parametrize(
    "order",
    [
        "of a scan",
        pytest.param("random", marks=pytest.mark.long),
        pytest.param("all but a few in one place", marks=pytest.mark.long),
    ],
)
def test_the_order_of_the_points_does_not_matter(backend, rng, order):
    """Searches begin with the points that follow each other; here they are not all of them."""
    points = np.unique(sheet(rng, 1120), axis=0)
    if order == "random":
        points = rng.permutation(points)
    elif order.startswith("all"):
        points[5:-5] = points[300]
    rtol, atol = ORACLE["point_normals"]
    for ours, expected in zip(point_normals(points), oracle(points, 24, SENSOR), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=rtol, atol=atol)


def test_normals_of_a_ball_point_from_its_middle(backend, rng):
    backends.too_much_for_emulation(backend, 4000 * 256)
    points = rng.standard_normal((4000, 3))
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    normals, variation = point_normals(points)
    cosine = (normals * torch.from_numpy(points)).sum(1).abs()
    assert float(cosine[abs(points[:, 2]) > 0.3].min()) > 0.99
    assert float(variation.max()) < 0.02


def test_turning_and_scaling_the_cloud_turns_the_normals(backend, rng):
    # Without ties, which turning would decide.
    count = 2000 if backend != "emulated" else 600
    points = sheet(rng, count) + rng.normal(0, 1e-3, (count, 3))
    turn = turned(rng)
    normals, variation = point_normals(points.astype(np.float32))
    moved = (points @ turn.T * 50 + [3, -1, 2]).astype(np.float32)
    turned_normals, same_variation = point_normals(moved, sensor=(turn @ SENSOR).tolist())
    torch.testing.assert_close(same_variation, variation, rtol=0, atol=1e-4)
    np.testing.assert_allclose(turned_normals, normals.numpy() @ turn.T, atol=5e-3)


def test_scaling_by_powers_of_two_changes_no_bit(backend, rng):
    points = sheet(rng, 500)
    usual = point_normals(points)
    for scale in (2.0**-55, 2.0**40):
        scaled = point_normals(points * np.float32(scale))
        assert all(torch.equal(a, b) for a, b in zip(usual, scaled, strict=True))


@pytest.mark.parametrize("count", [1, 2, 3, 23, 24, 25])
def test_degenerate_clouds_give_finite_unit_normals(backend, rng, count):
    line = np.arange(count, dtype=np.float32)[:, None] * np.float32([1, 2, 4])
    pile, corner = np.full((count, 3), 0.3, np.float32), np.repeat(line[:1], count, 0)
    for points in (pile, line, corner, sheet(rng, count)):
        normals, variation = point_normals(points)
        np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
        assert bool((normals[:, 2] <= 1e-6).all())
        assert bool(((variation >= 0) & (variation <= 1 / 3)).all())
    assert float(point_normals(line)[1].max()) < 1e-6


def test_every_instruction_set_gives_the_same_bits(rng):
    points = sheet(rng, 700)
    results = []
    for isa in _cpu.isas():
        assert _cpu.set_isa(isa)
        results.append(point_normals(points))
    assert _cpu.set_isa("")
    for result in results:
        assert all(torch.equal(a, b) for a, b in zip(result, results[0], strict=True))


def test_a_packed_batch_equals_its_clouds_one_by_one_for_every_thread_count(
    backend, rng, over_threads
):
    offsets = [0, 1, 1001, 1500] if backend != "emulated" else [0, 1, 41, 60]
    points = sheet(rng, offsets[-1])
    first, *repeats = over_threads(lambda: point_normals(points, offsets=offsets))
    alone = [point_normals(points[a:b]) for a, b in itertools.pairwise(offsets)]
    for part in range(2):
        assert all(torch.equal(first[part], repeat[part]) for repeat in repeats)
        assert torch.equal(first[part], torch.cat([result[part] for result in alone]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"points": np.zeros((4, 2), np.float32)},
            r"point_normals: points must have shape \(P, 3\), got \(4, 2\)",
        ),
        ({"points": np.zeros((0, 3), np.float32)}, "cloud 0 has no points"),
        (
            {"points": np.full((4, 3), np.nan, np.float32)},
            r"points must be finite, got nan at \(0, 0\)",
        ),
        ({"neighbors": 0}, "neighbors must be a whole number from 1 to 1024, got 0"),
        (
            {"sensor": (0, 0, 0)},
            r"sensor must be three finite numbers, not all zero, got \(0, 0, 0\)",
        ),
        ({"sensor": (0, 1)}, r"sensor must be three finite numbers, not all zero, got \(0, 1\)"),
        (
            {"offsets": [0, 3]},
            r"offsets must rise from 0 to the number of points \(4\), got \[0, 3\]",
        ),
    ],
)
def test_bad_arguments_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        point_normals(**({"points": np.zeros((4, 3), np.float32)} | changes))
