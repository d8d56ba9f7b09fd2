"""The GPU kernels of nearest_patches with values that the op refuses on a CPU, in thread orders."""

import backends
import numpy as np
import pytest
import torch

from musc2.ops import nearest_patches
from musc2.ops._support import dispatch

emulated = pytest.importorskip("musc2._cuda_emulated")
SEARCHES = {"float32": 0, "bfloat16": 1, "float16": 3}
# 144 positions, each of which completes a batch: the search may be 32 ahead of the measuring warps.
SLOW_TO_MEASURE = [(1, 2048, 8), (36, 64, 8)]


def search(z, precision, memory=1 << 28, *, alone=False):
    samples, patches, channels = z.shape
    scratch = np.full(
        emulated.nearest_patches_scratch(
            samples, patches, channels, True, samples, patches, precision, memory, 0
        ), 0x55, np.uint8,
    )  # fmt: skip
    distance = np.full((samples, patches, samples), -7, np.float32)
    index = np.full(distance.shape, -7, np.int32)
    emulated.nearest_patches(
        z.ctypes.data, samples, patches, channels, 0, samples, patches, memory,
        0 if alone else distance.ctypes.data, 0 if alone else index.ctypes.data,
        precision, 0, scratch.ctypes.data, 0,
    )  # fmt: skip
    return distance, index, scratch.size


@pytest.mark.parametrize("precision", SEARCHES.values(), ids=SEARCHES)
@pytest.mark.parametrize("share", [0.01, 1.0])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_indices_name_patches_whatever_the_values(rng, precision, share, value):
    z = rng.standard_normal((3, 140, 20)).astype(np.float32)
    z[rng.random(z.shape) < share] = value
    _, index, _ = search(z, precision)
    diagonal = np.eye(3, dtype=bool)[:, None, :].repeat(140, 1)
    assert (index[diagonal] == -1).all()
    assert index[~diagonal].min() >= 0
    assert index[~diagonal].max() < 140


@pytest.mark.parametrize("hopper", ["0", "2"])
def test_a_search_alone_writes_nothing(monkeypatch, rng, hopper):
    monkeypatch.setenv("MUSC2_HOPPER", hopper)
    distance, index, _ = search(rng.standard_normal((3, 140, 20)).astype(np.float32), 1, alone=True)
    assert (distance == -7).all()
    assert (index == -7).all()


@pytest.mark.parametrize(("hopper", "packed"), [("0", 784), ("2", 7 * 128)])
def test_scratch_memory_stays_within_the_budget(monkeypatch, hopper, packed):
    monkeypatch.setenv("MUSC2_HOPPER", hopper)

    def size(samples, memory):
        return emulated.nearest_patches_scratch(samples, 784, 768, True, samples, 784, 1, memory, 0)

    smallest = size(150, 1)
    # A pair of samples, their norms, keys and counts.
    assert smallest < 2 * (packed * 768 * 2 + 784 * (4 + 8)) + 8000
    for memory in (10 << 20, 100 << 20, 256 << 20):
        assert memory / 4 < size(150, memory) <= memory
        assert memory / 4 < size(800, memory) <= memory


@pytest.mark.parametrize("order", backends.ORDERS)
@pytest.mark.parametrize("precision", SEARCHES)
def test_thread_orders_give_equal_bits(rng, order, precision):
    z = torch.from_numpy(rng.standard_normal((4, 150, 40)).astype(np.float32))
    two_panels = 112_000 if precision == "float32" else 65_000
    with dispatch.emulated():
        expected = nearest_patches(z, precision=precision, return_index=True)
        emulated.set_order(order)
        try:
            found = nearest_patches(z, precision=precision, return_index=True, memory=two_panels)
        finally:
            emulated.set_order("forward")
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


def test_the_search_does_not_run_away_from_the_measuring(rng, monkeypatch):
    monkeypatch.setenv("MUSC2_HOPPER", "1")
    z, references = (
        torch.from_numpy(rng.standard_normal(shape).astype(np.float32)) for shape in SLOW_TO_MEASURE
    )
    emulated.set_order("fair")  # measuring takes more steps than searching
    try:
        with dispatch.emulated():
            d = nearest_patches(z, references=references)
    finally:
        emulated.set_order("forward")
    nearest = torch.cdist(z[0], references).amin(2).T
    largest_error = 4 * torch.cat([z[0], references.flatten(0, 1)]).norm(dim=1).max() * 2.0**-9
    assert (d[0] - nearest).abs().max() <= largest_error


@pytest.mark.parametrize("hopper", ["0", "2"])
def test_a_copy_is_told_from_patches_that_nearly_coincide(rng, monkeypatch, hopper):
    """Sums of patches that coincide end above zero, where the order must not turn."""
    monkeypatch.setenv("MUSC2_HOPPER", hopper)
    patch = torch.from_numpy(rng.standard_normal(768).astype(np.float32)).to(torch.bfloat16)
    near = patch.repeat(64, 1)
    for i, count in enumerate(
        rng.permutation(64) * 12
    ):  # one is a copy, in the others so many channels are one step longer
        near.view(torch.int16)[i, rng.permutation(768)[:count]] += 1
    with dispatch.emulated():
        d = nearest_patches(patch[None, None], references=near[None])
    assert d.item() ** 2 < 1e-6 * patch.float().square().sum()
