"""farthest_points by messages between the blocks of a cluster, to the bit as on a CPU."""

from contextlib import nullcontext

import backends
import numpy as np
import pytest
import torch

from musc2 import cuda, ops
from musc2.ops._support import dispatch

PICKS = 6
# Points of a cloud, and blocks of its cluster; the last cloud is larger than a cluster holds.
SIZES = {500: 1, 10_300: 2, 20_600: 4, 41_000: 8, 90_000: 8}
WARPS = 16  # of a block


@pytest.fixture(params=["emulated", "cuda"])
def machine(request):
    """Return what makes kernels run, and where: emulated, or on a GPU that has clusters."""
    if request.param == "emulated":
        if not backends.IS_EMULATED:
            pytest.skip("_cuda_emulated is not built: MUSC2_EMULATED=ON")
        return dispatch.emulated(), "cpu"
    if not cuda.is_available():
        pytest.skip(f"no GPU: {cuda.unavailable_reason()}")
    if torch.cuda.get_device_capability() < (9, 0):
        pytest.skip(f"{torch.cuda.get_device_name()} has no clusters")
    return nullcontext(), "cuda"


@pytest.fixture
def picks(machine, monkeypatch):
    """Return the picks of farthest_points by messages, where there are clusters."""

    kernels, device = machine

    def sample(points, **options):
        monkeypatch.setenv("MUSC2_FARTHEST", "async")
        with kernels:
            return ops.farthest_points(points.to(device), PICKS, **options).cpu()

    return sample


def cloud(rng, kind, count):
    points = rng.random((count, 3), dtype="float32")
    if kind == "ties":
        points = np.round(4 * points)
    if kind == "equal":
        points[:] = 1
    return torch.from_numpy(points)


def expected(points, **options):
    return ops.farthest_points(points, PICKS, **options)


@pytest.mark.parametrize("kind", ["random", "ties", "equal"])
@pytest.mark.parametrize("size", SIZES)
def test_messages_give_the_picks_of_the_cpu(picks, rng, kind, size):
    points = cloud(rng, kind, size)
    assert torch.equal(picks(points, start=size // 2), expected(points, start=size // 2))


@pytest.mark.parametrize(("radius", "last"), [(2.0, 7000), (1e6, 0)])
def test_warps_without_a_point_to_pick_take_part(picks, rng, radius, last):
    points = cloud(rng, "random", 10_300)
    points[7000:7003] += 3  # beyond the smaller radius, and fewer than picks
    result = picks(points, skip_radius=radius)
    assert result[-1] == last
    assert torch.equal(result, expected(points, skip_radius=radius))


def test_clouds_of_a_batch_do_not_mix(picks, rng):
    points, offsets = cloud(rng, "random", 24_000), [0, 10_500, 10_501, 21_000, 24_000]
    result = picks(points, offsets=offsets)
    assert torch.equal(result, expected(points, offsets=offsets))


@pytest.mark.parametrize("order", backends.ORDERS)
@pytest.mark.parametrize("size", [10_300, 41_000])
@pytest.mark.parametrize("machine", ["emulated"], indirect=True)
def test_thread_orders_give_equal_picks(picks, rng, order, size):
    points = cloud(rng, "random", size)
    backends.EMULATED.set_order(order)
    try:
        result = picks(points)
    finally:
        backends.EMULATED.set_order("forward")
    assert torch.equal(result, expected(points))


@pytest.mark.parametrize(("setting", "wanted"), [("async", True), ("", False), ("1", False)])
@pytest.mark.parametrize("size", [500, 10_300, 20_600])
@pytest.mark.parametrize("machine", ["emulated"], indirect=True)
def test_every_warp_sends_to_all_blocks_in_each_step_where_that_is_asked_for(
    machine, monkeypatch, rng, size, setting, wanted
):
    monkeypatch.setenv("MUSC2_FARTHEST", setting)
    before = backends.EMULATED.messages_sent()
    with machine[0]:
        ops.farthest_points(cloud(rng, "equal", size), PICKS)
    blocks = SIZES[size]
    sent = blocks * WARPS * blocks * (PICKS - 1) if wanted and blocks > 1 else 0
    assert backends.EMULATED.messages_sent() - before == sent
