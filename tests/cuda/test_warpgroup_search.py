"""The search of nearest_patches by Hopper's own instructions against the one that every GPU has."""

import backends
import numpy as np
import pytest
import torch

from musc2 import cuda
from musc2.ops import nearest_patches
from musc2.ops._support import gpu

# (samples, patches, channels); tiles are 128 by 256 patches and 64 channels wide, up to 4 of them below each other.
SMALL = [(3, 1, 8), (40, 1, 9), (30, 7, 64), (2, 128, 65), (3, 129, 24), (2, 300, 330), (4, 200, 66), (2, 17, 1536)]
SMALL += [
    (2, 1370, 40),
    (7, 190, 300),
    (14, 300, 30),
]  # more than are searched, or wait, at a time
LARGE = [(9, 784, 768), (6, 1024, 384), (4, 1370, 1536), (5, 1369, 8), (300, 50, 100)]
KINDS = ["random", "clustered", "duplicated", "zero", "large norms"]
PRECISIONS = {"bfloat16": 2.0**-9, "float16": 2.0**-12}


@pytest.fixture(params=["emulated", "cuda"])
def machine(request):
    """Where tensors are searched: emulated, or on a GPU of compute capability 9.0."""
    if request.param == "emulated":
        if not backends.IS_EMULATED:
            pytest.skip("_cuda_emulated is not built: MUSC2_EMULATED=ON")
        with gpu.emulated():
            yield "cpu"
    elif not cuda.is_available():
        pytest.skip(f"no GPU: {cuda.why()}")
    elif torch.cuda.get_device_capability() != (9, 0):
        pytest.skip(f"{torch.cuda.get_device_name()} is not of compute capability 9.0")
    else:
        yield "cuda"


@pytest.fixture(params=[1, 2, 4], ids=lambda blocks: f"clusters-of-{blocks}")
def search(machine, monkeypatch, request):
    """nearest_patches with Hopper's instructions, by clusters of so many blocks, or without."""

    def run(hopper, z, **options):
        monkeypatch.setenv("MUSC2_HOPPER", str(request.param if hopper else 0))
        options = {name: value.to(machine) if name == "references" else value for name, value in options.items()}
        d, index = nearest_patches(z.to(machine), return_index=True, **options)
        return d.cpu(), index.cpu()

    return run


def features(rng, kind, shape):
    z = rng.standard_normal(shape).astype(np.float32)
    if kind == "clustered":
        z = 0.02 * z + rng.standard_normal((5, shape[2])).astype(np.float32)[rng.integers(0, 5, shape[:2])]
    if kind == "duplicated":
        z = z[:1, rng.integers(0, shape[1], shape[:2])][0]
    if kind == "zero":
        z[:] = 0
    if kind == "large norms":
        z *= 10.0 ** rng.integers(-3, 4, (*shape[:2], 1)).astype(np.float32)
    return torch.from_numpy(z)


def largest_error(z, half_last_place):
    """How much farther than the nearest patch the one found may be, by the triangle inequality; sums of the channels'
    products in another order, and deciding to 2^-17 of distance^2, included."""
    norm = (z - z.reshape(-1, z.shape[2]).mean(0)).norm(dim=-1).max().item()
    return 4 * norm * (half_last_place + z.shape[2] ** 0.5 * 2.0**-24 + 2.0**-19) * 1.01


def agree(z, found, expected, error):
    """Distances to 1e-5 where the patch is the same; elsewhere no gap between the two beyond the search's error."""
    (d, index), (expected_d, expected_index) = found, expected
    same = index == expected_index
    torch.testing.assert_close(d[same], expected_d[same], rtol=1e-5, atol=0)
    assert (d - expected_d)[~same].abs().max().item() <= error if not same.all() else True
    assert ((index >= 0) == (expected_index >= 0)).all()
    assert index.max() < z.shape[1]


def compare(search, z, precision):
    found, expected = (search(hopper, z, precision=precision) for hopper in (True, False))
    agree(z, found, expected, largest_error(z, PRECISIONS[precision]))


@pytest.mark.parametrize("shape", SMALL, ids=str)
def test_both_searches_find_the_same(search, rng, shape):
    compare(search, features(rng, "random", shape), "bfloat16")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_both_searches_find_the_same_in_any_features(search, rng, kind, precision):
    compare(search, features(rng, kind, (3, 150, 70)), precision)


@pytest.mark.parametrize("machine", ["cuda"], indirect=True)
@pytest.mark.parametrize(("kind", "precision"), [*((kind, "bfloat16") for kind in KINDS), ("random", "float16")])
@pytest.mark.parametrize("shape", LARGE, ids=str)
def test_both_searches_find_the_same_in_large_inputs(search, rng, shape, kind, precision):
    compare(search, features(rng, kind, shape), precision)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("channels", [24, 21])
def test_features_of_16_bits(search, rng, dtype, channels):
    z = features(rng, "random", (3, 140, channels)).to(dtype)
    found, expected = search(True, z), search(False, z)
    agree(z, found, expected, largest_error(z.float(), 0))


@pytest.mark.parametrize("sizes", [(3, 50, 4, 70), (2, 300, 1, 130), (1, 5, 60, 9)])
def test_references(search, rng, sizes):
    samples, patches, others, other_patches = sizes
    z, references = (features(rng, "random", shape) for shape in ((samples, patches, 40), (others, other_patches, 40)))
    found, expected = (search(hopper, z, references=references) for hopper in (True, False))
    everything = torch.cat([z.reshape(1, -1, 40), references.reshape(1, -1, 40)], 1)
    agree(references, found, expected, largest_error(everything, PRECISIONS["bfloat16"]))


@pytest.mark.parametrize("memory", [1, 200_000])
def test_panels_of_some_samples(search, rng, memory):
    z = features(rng, "random", (6, 150, 40))
    expected = search(True, z)
    found = search(True, z, memory=memory)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


def test_values_that_are_not_finite_still_give_patches(search, rng):
    z = features(rng, "random", (3, 140, 20)).to(torch.bfloat16)
    z[torch.from_numpy(rng.random(z.shape) < 0.01)] = 3e38  # their products are infinite, and differences of those NaN
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
        found = search(True, z, memory=500_000)
    finally:
        backends.EMULATED.set_order("forward")
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
