import numpy as np
import pytest
import torch
from oracle.cluster_grid import cluster_grid as oracle
from sklearn.cluster import DBSCAN

from musc2.errors import InputError
from musc2.ops import cluster_grid


def lattice(rng, shape):
    """Points on a lattice of quarters: many distances equal eps and are exact in float32."""
    return (np.round(4 * rng.standard_normal((*shape, 3))) / 4).astype(np.float32)


def sheet(rng, shape):
    """A wavy surface with a raised block; between them adjacent pixels are far apart in depth."""
    v, u = np.stack(np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij"))
    z = 2 + 0.1 * np.sin(4 * u) * np.cos(3 * v) - 0.5 * ((abs(u) < 0.3) & (abs(v) < 0.4))
    xyz = np.stack([u, v, z + 0.01 * rng.standard_normal(shape)], 2).astype(np.float32)
    xyz[rng.random(shape) < 0.1] = 0
    return xyz


def on_a_line(*x):
    return torch.stack([torch.tensor(x), torch.zeros(len(x)), torch.ones(len(x))], 1)[None]


def test_tiny_case_with_the_answer_written_out(backend):
    """5 and 0 have three points within 1 unless those are background; 3 has only itself."""
    xyz = on_a_line(5.0, 4.5, 6.0, 3.0, 0.0, 1.0, -1.0)
    xyz[0, 5, 2] = 0
    assert cluster_grid(xyz, eps=1, min_points=3).tolist() == [[0, 0, 0, -1, -1, -1, -1]]
    xyz[0, 5, 2] = 1
    labels = cluster_grid(xyz, eps=1, min_points=3)
    assert labels.tolist() == [[0, 0, 0, -1, 1, 1, 1]]
    assert labels.dtype == torch.int32


def test_a_rim_point_between_two_clusters_goes_to_the_lower_one(backend):
    """Both clusters have a core point 1 from the point at 0, which is not core itself."""
    left, right = (-1.0, -1.25, -1.5, -1.75), (1.0, 1.25, 1.5, 1.75)
    rim_before = cluster_grid(on_a_line(0.0, *left, *right), eps=1, min_points=4)
    assert rim_before.tolist() == [[0] * 5 + [1] * 4]
    rim_after = cluster_grid(on_a_line(*right, *left, 0.0), eps=1, min_points=4)
    assert rim_after.tolist() == [[0] * 4 + [1] * 4 + [0]]
    # Numbers go by the first core point: the rim point in front is in the later cluster.
    rim_first = on_a_line(-2.75, *right, *left)
    assert cluster_grid(rim_first, eps=1, min_points=4).tolist() == [[1] + [0] * 4 + [1] * 4]


@pytest.mark.parametrize("min_points", [1, 2, 5, 12])
@pytest.mark.parametrize("eps", [0.1, 0.25, 0.5, 0.75, 1.5])
@pytest.mark.parametrize("make", [lattice, sheet])
def test_random_maps_agree_with_the_oracle_and_scikit_learn(backend, rng, make, eps, min_points):
    xyz = make(rng, (17, 23))
    before, foreground = xyz.copy(), rng.random((17, 23)) < 0.9
    labels = cluster_grid(xyz, eps=eps, min_points=min_points, foreground=foreground).numpy()
    assert np.array_equal(labels, oracle(xyz, eps, min_points, foreground))
    expected = DBSCAN(eps=eps, min_samples=min_points).fit_predict(xyz[foreground])
    assert np.array_equal(labels[foreground], expected)
    assert np.array_equal(xyz, before)


def test_cells_with_more_core_points_than_enough_and_with_fewer(backend, rng):
    xyz = (rng.standard_normal((30, 30, 3)) * [1, 1, 0.01]).astype(np.float32)
    foreground = np.ones((30, 30), bool)
    for min_points in (2, 8, 40, 60):
        labels = cluster_grid(xyz, eps=0.4, min_points=min_points).numpy()
        assert np.array_equal(labels, oracle(xyz, 0.4, min_points, foreground))
        assert labels.max() >= 0


def test_points_along_the_diagonal_of_a_cell_are_neighbors_up_to_eps_and_no_farther(backend):
    for step in np.linspace(0.4, 1.2, 33).tolist():  # neighbors up to 1 / sqrt(3) = 0.577
        xyz = torch.tensor([[[0.0, 0, 1], [step, step, 1 + step]]])
        expected = [[0, 0]] if step < 3**-0.5 else [[-1, -1]]
        assert cluster_grid(xyz, eps=1, min_points=2).tolist() == expected


def test_background_is_z_0_without_a_foreground_and_always_what_is_not_finite(backend):
    xyz = torch.tensor(
        [[[0.0, 0, 1], [0, 0, 0], [0, 0, torch.nan], [torch.inf, 0, 1], [0, 0, 1.5], [9, 9, 0]]]
    )
    assert cluster_grid(xyz, eps=1, min_points=2).tolist() == [[0, -1, -1, -1, 0, -1]]
    foreground = torch.tensor([[True, True, True, True, False, True]])
    labels = cluster_grid(xyz, eps=1, min_points=2, foreground=foreground)
    assert labels.tolist() == [[0, 0, -1, -1, -1, -1]]


def test_labels_do_not_depend_on_the_number_of_threads(backend, rng, over_threads):
    xyz = sheet(rng, (60, 90))
    first, *repeats = over_threads(lambda: cluster_grid(xyz, eps=0.06, min_points=8))
    assert int(first.max()) >= 1
    assert all(torch.equal(first, repeat) for repeat in repeats)


def test_any_order_of_the_points_gives_the_same_clusters(backend, rng):
    xyz = sheet(rng, (40, 40)).reshape(1, -1, 3)
    order = rng.permutation(1600)
    labels = cluster_grid(xyz, eps=0.12, min_points=6)[0, order].numpy()
    shuffled = cluster_grid(xyz[:, order], eps=0.12, min_points=6)[0].numpy()
    pairs = set(zip(labels.tolist(), shuffled.tolist(), strict=True))
    assert len(pairs) == labels.max() + 2 == shuffled.max() + 2


def test_no_points_give_no_clusters():
    assert cluster_grid(torch.zeros(3, 4, 3), eps=1, min_points=1).tolist() == [[-1] * 4] * 3
    assert cluster_grid(torch.zeros(0, 4, 3), eps=1, min_points=1).shape == (0, 4)
    assert cluster_grid(torch.ones(2, 2, 3), eps=1e-18, min_points=4).tolist() == [[0, 0], [0, 0]]
    assert cluster_grid(torch.ones(2, 2, 3), eps=1, min_points=5).tolist() == [[-1, -1], [-1, -1]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"xyz": np.zeros((4, 3), np.float32)},
            r"cluster_grid: xyz must have shape \(H, W, 3\), got \(4, 3\)",
        ),
        ({"xyz": np.zeros((4, 4, 3))}, "xyz must be float32, got float64"),
        ({"eps": 0}, "eps must be a finite number of at least 1e-18, got 0"),
        ({"eps": float("nan")}, "eps must be a finite number of at least 1e-18, got nan"),
        ({"min_points": 0}, "min_points must be a whole number of at least 1, got 0"),
        ({"foreground": np.ones((4, 4), int)}, "foreground must be bool, got int64"),
        (
            {"foreground": np.ones((4, 5), bool)},
            r"foreground must have shape \(4, 4\) as xyz, got \(4, 5\)",
        ),
        (
            {"xyz": np.arange(48, dtype=np.float32).reshape(4, 4, 3), "eps": 1e-5},
            "span .* half a million eps .* got 45",
        ),
    ],
)
def test_bad_arguments_are_named(change, message):
    good = {"xyz": np.ones((4, 4, 3), np.float32), "eps": 0.5, "min_points": 3}
    with pytest.raises(InputError, match=message):
        cluster_grid(**(good | change))
