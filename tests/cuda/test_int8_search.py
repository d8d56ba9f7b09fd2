"""nearest_patches in int8 by Hopper's instructions against the same rounding in numpy."""

import backends
import numpy as np
import pytest
import torch
from oracle.nearest_patches import nearest_patches as oracle

from musc2.ops._support import arrays, dispatch
from musc2.ops.nearest_patches import GPU_MEMORY, PRECISION_CODES

INT8 = PRECISION_CODES["int8"]
# (samples, patches, channels); tiles are 128 by 256 patches, 128 channels wide, 1 to 4 in a
# cluster.
SHAPES = [(3, 1, 1), (9, 1, 9), (3, 129, 130)]
in_clusters_of_2 = pytest.mark.parametrize(
    "search", [pytest.param(2, id="clusters-of-2")], indirect=True
)
# Beside the emulator's own order, which all tests have: an order for each size of cluster; the long
# form has all of both.
ORDERS = [
    pytest.param(
        blocks,
        order,
        marks=[] if (blocks, order) in ((2, "reverse"), (4, "random:1")) else pytest.mark.long,
    )
    for blocks in (1, 2, 4)
    for order in backends.ORDERS[1:]
]


def features(rng, shape):
    """Return multiples of 1/64 below 16, whose sums are exact: so every mean is the kernel's."""
    return torch.from_numpy(rng.integers(-1000, 1001, shape).astype(np.float32) / 64)


def rounded(z, center):
    """Return patches as int8 with a scale per patch holds them, in float64."""
    z = z.float().numpy() - center
    largest = np.abs(z).max(-1, keepdims=True)
    with np.errstate(divide="ignore", over="ignore"):
        inverse = np.where(largest > np.float32(1e-36), np.float32(127) / largest, np.float32(0))
    scaled = z * inverse
    integers = np.trunc(scaled + np.copysign(np.float32(0.5), scaled))
    assert integers.dtype == np.float32
    return integers * (largest / np.float32(127)).astype(np.float64)


def mean(z):
    """Return the mean of fewer than 2,048 patches, which are all sampled."""
    rows = z.float().numpy().reshape(-1, z.shape[-1])
    assert len(rows) < 2048
    return rows.sum(0) / np.float32(len(rows))


def check(z, references, result, center):
    """Check indices and distances against all distances of the rounded patches.

    The search decides to 2^-17 of distance^2, and float32 holds both norms to 2^-23 or so.
    """
    d, index = (array.numpy() for array in result)
    queries, keys = rounded(z, center), rounded(references, center)
    exact, exact_keys = z.double().numpy(), references.double().numpy()
    patches = np.arange(z.shape[1])
    for i, j in np.argwhere(index.min(1) >= 0):
        all2 = ((queries[i][:, None] - keys[j][None]) ** 2).sum(-1)
        found, best = all2[patches, index[i, :, j]], all2.min(1)
        norms = (queries[i] ** 2).sum(-1) + (keys[j] ** 2).sum(-1).max()
        assert (found - best <= 2.0**-17 * best + 2.0**-21 * norms).all()
        own = np.linalg.norm(exact[i] - exact_keys[j][index[i, :, j]], axis=-1)
        np.testing.assert_allclose(d[i, :, j], own, rtol=1e-5, atol=1e-30)


def check_mutual(z, result):
    check(z, z, result, mean(z))
    index = result[1].numpy()
    assert ((index < 0) == np.eye(len(z), dtype=bool)[:, None]).all()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_nearest_of_the_rounded_patches_is_found(search, rng, shape):
    z = features(rng, shape)
    check_mutual(z, search(True, z, precision="int8"))


@in_clusters_of_2
def test_a_tile_may_have_more_steps_than_the_ring_has_stages(search, rng):
    z = features(rng, (2, 9, 1531))
    check_mutual(z, search(True, z, precision="int8"))


@in_clusters_of_2
def test_features_in_float16_are_rounded_likewise(search, rng):
    z = features(rng, (3, 130, 21)).half()
    check_mutual(z, search(True, z, precision="int8"))


@in_clusters_of_2
def test_references_have_the_center_of_the_samples(search, rng):
    z, references = features(rng, (2, 150, 70)), features(rng, (3, 135, 70)) + 3
    result = search(True, z, references=references, precision="int8")
    assert (result[1] >= 0).all()
    check(z, references, result, mean(z))


@in_clusters_of_2
def test_every_patch_has_a_scale_of_its_own(search, rng):
    z = features(rng, (2, 140, 40)) * torch.from_numpy(
        2.0 ** rng.integers(-30, 1, (2, 140, 1)).astype(np.float32)
    )
    z -= z.mean((0, 1))
    z = torch.cat([z, -z])  # without a center beyond roundings
    check(z, z, search(True, z, precision="int8"), np.float32(0))


def launched(z, references=None):
    """Search for patches that need not be finite, which Python refuses on a CPU."""
    keys = z if references is None else references
    count, patches, _ = keys.shape
    type_code = arrays.TYPE_CODES[z.dtype]
    is_mutual = references is None
    limits = (INT8, GPU_MEMORY, type_code)
    scratch = dispatch.scratch("nearest_patches", z, *z.shape, is_mutual, count, patches, *limits)
    d = torch.empty(*z.shape[:2], count, device=z.device)
    index = torch.empty_like(d, dtype=torch.int32)
    dispatch.launch(
        "nearest_patches",
        z,
        *(*z.shape, references, count, patches, GPU_MEMORY, d, index),
        gpu_only=(INT8, type_code, scratch),
    )
    return d.cpu(), index.cpu()


@pytest.mark.parametrize(("value", "nearest"), [(1e18, 1), (1e-15, 1), (1e-38, 0), (0.0, 0)])
def test_patches_of_any_magnitude(machine, monkeypatch, value, nearest):
    """A patch whose largest value is denormal is packed as zeros."""
    monkeypatch.setenv("MUSC2_HOPPER", "2")
    z = torch.full((2, 9, 5), value)
    z[:, 1] = z[:, 2] = 0
    z = torch.cat([z, -z])  # the center is 0
    d, index = launched(z.to(machine))
    assert (index[0, 1, 1:] == nearest).all()  # the lowest of those that are alike
    assert d[0, 1, 1:].max() == 0
    assert d.diagonal(dim1=0, dim2=2).isinf().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("value", [float("inf"), float("nan"), 3e38])
def test_values_that_are_not_finite_still_give_patches(machine, monkeypatch, rng, dtype, value):
    monkeypatch.setenv("MUSC2_HOPPER", "2")
    z = features(rng, (3, 140, 20)).to(dtype)
    z[1, 5:9, 3] = value
    z[2, 7] = -value
    _, index = launched(z.to(machine))
    assert index.max() < 140
    assert (index >= 0).sum() == 3 * 2 * 140


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 3e38])
def test_references_that_are_not_finite_are_farthest_from_all(machine, monkeypatch, rng, value):
    monkeypatch.setenv("MUSC2_HOPPER", "2")
    z, references = features(rng, (1, 30, 20)), features(rng, (2, 140, 20))
    spoiled = references.clone()
    spoiled[:, :20, 3] = value
    result = launched(z.to(machine), spoiled.to(machine))
    assert result[1].min() >= 20
    check(z, references[:, 20:], (result[0], result[1] - 20), mean(z))


# 290 channels are 3 steps, the fewest for which one warpgroup starts a tile behind the other.
@pytest.mark.parametrize(("search", "order"), ORDERS, indirect=["search"])
@pytest.mark.parametrize("machine", ["emulated"], indirect=True)
def test_thread_orders_and_panels_give_equal_bits(search, rng, order):
    z = features(rng, (3, 100, 290))
    expected = search(True, z, precision="int8")
    backends.EMULATED.set_order(order)
    try:
        result = search(True, z, precision="int8", memory=150_000)
    finally:
        backends.EMULATED.set_order("forward")
    assert torch.equal(result[0], expected[0])
    assert torch.equal(result[1], expected[1])


@in_clusters_of_2
def test_distances_are_as_near_the_best_as_those_of_the_cpu_in_int8(search, rng):
    z = torch.from_numpy(rng.standard_normal((3, 150, 33)).astype(np.float32))
    d, _ = search(True, z, precision="int8")
    centered = z - z.mean((0, 1))
    error = 4 * centered.abs().max().item() / 254 * 33**0.5 * 1.01  # as in tests/ops
    best = oracle(z.numpy())
    lost = d.numpy()[best < np.inf] - best[best < np.inf]
    assert 0 < lost.max() <= error
    assert lost.mean() / best[best < np.inf].mean() < 1e-3


@in_clusters_of_2
def test_without_hoppers_instructions_int8_is_bfloat16(search, rng):
    z = features(rng, (3, 70, 40))
    result, expected = (search(False, z, precision=name) for name in ("int8", "bfloat16"))
    assert all(torch.equal(*pair) for pair in zip(result, expected, strict=True))


@in_clusters_of_2
def test_features_in_bfloat16_stay_so(search, rng):
    z = features(rng, (3, 70, 40)).bfloat16()
    result, expected = (search(True, z, precision=name) for name in ("int8", "bfloat16"))
    assert all(torch.equal(*pair) for pair in zip(result, expected, strict=True))


@pytest.mark.parametrize("machine", ["emulated"], indirect=True)
def test_more_channels_than_integers_can_sum_up_are_searched_in_bfloat16(machine, monkeypatch):
    assert machine == "cpu"
    monkeypatch.setenv("MUSC2_HOPPER", "2")

    def scratch(channels, precision):
        sizes = (2, 300, channels, True, 2, 300, PRECISION_CODES[precision], 1, 0)
        return backends.EMULATED.nearest_patches_scratch(*sizes)

    most = (2**31 - 1) // 127**2
    assert scratch(most, "int8") < 0.6 * scratch(most, "bfloat16")
    assert scratch(most + 1, "int8") == scratch(most + 1, "bfloat16")
