"""What launches ask of the runtime: shared memory, clusters that fit, and no packing twice."""

from collections import defaultdict

import pytest
import torch

from musc2 import ops
from musc2.ops._support import dispatch

emulated = pytest.importorskip("musc2._cuda_emulated", reason="built with MUSC2_EMULATED=ON only")


@pytest.fixture
def largest_cluster():
    """A function that sets how many blocks the largest cluster has that fits."""
    yield emulated.set_largest_cluster
    emulated.set_largest_cluster(16)


def test_what_a_kernel_was_allowed_is_never_lowered_nor_asked_for_again(rng):
    points = torch.from_numpy(rng.random((1100, 3), dtype="float32"))
    known = len(emulated.allowances())
    with dispatch.emulated():
        for neighbors in (256, 1024, 256, 700, 1024):
            ops.nearest_points(points, points[:4], neighbors)
    allowed = defaultdict(list)
    for kernel, most in emulated.allowances():
        allowed[kernel].append(most)
    assert all(sizes == sorted(set(sizes)) for sizes in allowed.values()), allowed
    assert len(emulated.allowances()) - known <= 2
    assert max(map(max, allowed.values())) > 80_000


def test_too_much_shared_memory_for_a_kernel_that_was_not_allowed_it_is_an_error():
    with pytest.raises(RuntimeError, match="has not been allowed this much dynamic shared memory"):
        emulated.launch_unallowed(49_153)
    emulated.launch_unallowed(49_152)


@pytest.mark.parametrize("blocks", [1, 2])
def test_farthest_points_takes_smaller_clusters_where_larger_ones_do_not_fit(
    rng, largest_cluster, blocks
):
    points = torch.from_numpy(rng.random((20_500, 3), dtype="float32"))  # 4 blocks hold them
    expected = ops.farthest_points(points, 6)
    largest_cluster(blocks)
    with dispatch.emulated():
        assert torch.equal(ops.farthest_points(points, 6), expected)


@pytest.mark.parametrize("blocks", [1, 2])
def test_the_search_takes_smaller_clusters_where_larger_ones_do_not_fit(
    rng, largest_cluster, monkeypatch, blocks
):
    z = torch.from_numpy(rng.standard_normal((2, 140, 64), dtype="float32"))
    monkeypatch.setenv("MUSC2_HOPPER", "4")
    with dispatch.emulated():
        expected = ops.nearest_patches(z, precision="bfloat16")
        largest_cluster(blocks)
        assert torch.equal(ops.nearest_patches(z, precision="bfloat16"), expected)


@pytest.mark.parametrize(("samples", "packs"), [(1, 1), (2, 2), (3, 4), (5, 11)])
def test_a_panel_that_is_packed_is_not_packed_again_for_the_next_search(rng, samples, packs):
    z = torch.from_numpy(rng.standard_normal((samples, 9, 16), dtype="float32"))
    expected = ops.nearest_patches(z, precision="float32")
    before = emulated.launches()
    with dispatch.emulated():
        distances = ops.nearest_patches(z, precision="float32", memory=1)  # a panel for each sample
    searches, others = samples * (samples + 1) // 2, 3  # clear, blank the diagonal, center
    assert emulated.launches() - before == others + packs + searches
    torch.testing.assert_close(distances, expected, rtol=1e-5, atol=1e-6)


def test_panels_of_references_are_searched_in_turns_from_both_ends(rng):
    z, references = torch.from_numpy(rng.standard_normal((7, 9, 16), dtype="float32")).split([3, 4])
    expected = ops.nearest_patches(z, references=references, precision="float32")
    before = emulated.launches()
    with dispatch.emulated():
        distances = ops.nearest_patches(z, references=references, precision="float32", memory=1)
    packs, searches, others = 4 + 3 + 3 * 2, 4 * 3, 2  # clear, center
    assert emulated.launches() - before == others + packs + searches
    torch.testing.assert_close(distances, expected, rtol=1e-5, atol=1e-6)


def test_a_cloud_without_points_has_groups_of_nothing(rng):
    points = torch.from_numpy(rng.random((5, 3), dtype="float32"))
    offsets = torch.tensor([0, 5, 5])
    centers = torch.zeros(2, 2, dtype=torch.int64)
    size = 4
    index = torch.full((2, 2, size), 7, dtype=torch.int32)
    curvature = torch.full((2, 2), 7.0)
    neighborhood = torch.full((2, 2, size, 3), 7.0)
    scratch = torch.empty(emulated.group_points_scratch(2, 2, 8), dtype=torch.uint8)
    inputs = (points.data_ptr(), offsets.data_ptr(), 2, centers.data_ptr(), 2)
    outputs = (index.data_ptr(), curvature.data_ptr(), neighborhood.data_ptr())
    emulated.group_points(*inputs, size, 2, 8, 0.01, True, *outputs, scratch.data_ptr(), 0)
    expected = ops.group_points(points, centers[0], size=size, start=2, search=8)
    assert torch.equal(index[0], expected.index)
    assert (index[1] == -1).all()
    assert not curvature[1].any()
    assert not neighborhood[1].any()


def test_weights_of_neighbors_are_off_by_less_than_a_step_of_float32():
    near = torch.linspace(0, 87, 40_001, dtype=torch.float64).float()[:-1]
    halves = (torch.arange(1, 250) * 0.34657359).float().clamp(max=86.9)  # where parts change
    distances = torch.cat([near, halves, halves.nextafter(torch.tensor(0.0))])
    weights = torch.tensor([emulated.neighbor_weight(d) for d in distances.tolist()])
    exact = torch.exp(-distances.double())
    step = 2.0 ** (exact.log2().floor() - 23)
    assert ((weights.double() - exact).abs() / step).max() < 1
    assert emulated.neighbor_weight(0.0) == 1.0
    assert emulated.neighbor_weight(87.0) == emulated.neighbor_weight(float("nan")) == 0.0
