"""The search of nearest_patches by Hopper's instructions against the search for every GPU."""

import backends
import numpy as np
import pytest
import torch

# (samples, patches, channels); tiles are 128 by 256 patches, 64 channels wide, 1 to 4 in a cluster.
SMALL = [(3, 1, 8), (40, 1, 9), (30, 7, 64), (2, 128, 65), (3, 129, 24), (2, 300, 330)]
SMALL += [(4, 200, 66), (2, 17, 1536)]
# More tiles than are searched, or wait, at a time.
SMALL += [(2, 1370, 40), (7, 190, 300), (14, 300, 30)]
LARGE = [(9, 784, 768), (6, 1024, 384), (4, 1370, 1536), (5, 1369, 8), (300, 50, 100)]
KINDS = ["random", "clustered", "duplicated", "zero", "large norms"]
PRECISIONS = {"bfloat16": 2.0**-9, "float16": 2.0**-12}


def features(rng, kind, shape):
    z = rng.standard_normal(shape).astype(np.float32)
    if kind == "clustered":
        centers = rng.standard_normal((5, shape[2])).astype(np.float32)
        z = 0.02 * z + centers[rng.integers(0, 5, shape[:2])]
    if kind == "duplicated":
        z = z[:1, rng.integers(0, shape[1], shape[:2])][0]
    if kind == "zero":
        z[:] = 0
    if kind == "large norms":
        z *= 10.0 ** rng.integers(-3, 4, (*shape[:2], 1)).astype(np.float32)
    return torch.from_numpy(z)


def largest_error(z, half_last_place):
    """Return by how much a distance may exceed the best, by the triangle inequality.

    Includes summing over channels in another order and deciding to 2^-17 of distance^2.
    """
    norm = (z - z.reshape(-1, z.shape[2]).mean(0)).norm(dim=-1).max().item()
    return 4 * norm * (half_last_place + z.shape[2] ** 0.5 * 2.0**-24 + 2.0**-19) * 1.01


def agree(z, result, expected, error):
    """Check distances: to 1e-5 for equal patches, else no gap beyond the error of the search."""
    (d, index), (expected_d, expected_index) = result, expected
    same = index == expected_index
    torch.testing.assert_close(d[same], expected_d[same], rtol=1e-5, atol=0)
    assert (d - expected_d)[~same].abs().max().item() <= error if not same.all() else True
    assert ((index >= 0) == (expected_index >= 0)).all()
    assert index.max() < z.shape[1]


def compare(search, z, precision):
    result = search(True, z, precision=precision)
    expected = search(False, z, precision=precision)
    agree(z, result, expected, largest_error(z, PRECISIONS[precision]))


@pytest.mark.parametrize("shape", SMALL, ids=str)
def test_both_searches_find_the_same(search, rng, shape):
    compare(search, features(rng, "random", shape), "bfloat16")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_both_searches_find_the_same_in_any_features(search, rng, kind, precision):
    compare(search, features(rng, kind, (3, 150, 70)), precision)


@pytest.mark.parametrize("machine", ["cuda"], indirect=True)
@pytest.mark.parametrize(
    ("kind", "precision"), [*((kind, "bfloat16") for kind in KINDS), ("random", "float16")]
)
@pytest.mark.parametrize("shape", LARGE, ids=str)
def test_both_searches_find_the_same_in_large_inputs(search, rng, shape, kind, precision):
    compare(search, features(rng, kind, shape), precision)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("channels", [24, 21])
def test_features_of_16_bits(search, rng, dtype, channels):
    z = features(rng, "random", (3, 140, channels)).to(dtype)
    result, expected = search(True, z), search(False, z)
    agree(z, result, expected, largest_error(z.float(), 0))


@pytest.mark.parametrize("sizes", [(3, 50, 4, 70), (2, 300, 1, 130), (1, 5, 60, 9)])
def test_references(search, rng, sizes):
    samples, patches, reference_samples, reference_patches = sizes
    z = features(rng, "random", (samples, patches, 40))
    references = features(rng, "random", (reference_samples, reference_patches, 40))
    result = search(True, z, references=references)
    expected = search(False, z, references=references)
    everything = torch.cat([z.reshape(1, -1, 40), references.reshape(1, -1, 40)], 1)
    agree(references, result, expected, largest_error(everything, PRECISIONS["bfloat16"]))


@pytest.mark.parametrize("memory", [1, 200_000])
def test_panels_of_some_samples(search, rng, memory):
    z = features(rng, "random", (6, 150, 40))
    expected = search(True, z)
    result = search(True, z, memory=memory)
    assert torch.equal(result[0], expected[0])
    assert torch.equal(result[1], expected[1])


def test_values_that_are_not_finite_still_give_patches(search, rng):
    z = features(rng, "random", (3, 140, 20)).to(torch.bfloat16)
    # The products of these values are infinite, and the differences of those NaN.
    z[torch.from_numpy(rng.random(z.shape) < 0.01)] = 3e38
    _, index = search(True, z)
    assert index.max() < 140
    assert (index >= 0).sum() == 3 * 2 * 140


@pytest.mark.parametrize("order", backends.ORDERS)
@pytest.mark.parametrize("machine", ["emulated"], indirect=True)
def test_thread_orders_give_equal_bits(search, rng, order):
    z = features(rng, "random", (4, 150, 330))
    expected = search(True, z)
    backends.EMULATED.set_order(order)
    try:
        result = search(True, z, memory=500_000)
    finally:
        backends.EMULATED.set_order("forward")
    assert torch.equal(result[0], expected[0])
    assert torch.equal(result[1], expected[1])
