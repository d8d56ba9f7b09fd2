"""Tokens of ``shape``: on the device that it is for, of many clouds at once, as on the CPU."""

import backends
import numpy as np
import pytest
import torch

from musc2 import Cloud, encoders, ops
from musc2.encoders.shape import OPS, Shape

pretended_gpu = pytest.importorskip(
    "pretended_gpu", reason="built with MUSC2_EMULATED=ON only", exc_type=ImportError
)
NEEDS_KERNELS = pytest.mark.skipif(
    not all("emulated" in backends.names(op) for op in OPS), reason="needs all kernels of shape"
)


def clouds(rng, sizes, groups=6):
    made = []
    for size in sizes:
        u, v = rng.uniform(-1, 1, (2, size))
        bent = np.stack([u, v, 0.3 * np.sin(3 * u) * np.cos(2 * v)], 1).astype(np.float32)
        centers = ops.farthest_points(bent, groups)
        made.append(Cloud(points=bent, centers=centers, curvature=np.zeros(groups, np.float32)))
    return made


def grouped(cloud):
    return ops.group_points(cloud.points, cloud.centers, size=8, start=4, search=12)


def launches(counts, call):
    before = sum(counts.launches.values())
    assert call().is_cuda
    return sum(counts.launches.values()) - before


@pytest.fixture
def fitted(rng):
    """An encoder on the CPU and the clouds that it learned from."""
    encoder, own = Shape(channels=16), clouds(rng, (40, 60, 30))
    encoder.fit(own)
    return encoder, own


def test_many_clouds_at_once_have_the_tokens_of_each_alone(fitted):
    encoder, own = fitted
    groups = [grouped(cloud) for cloud in own]
    together = encoder.encode_batch(own, groups)
    assert together.shape == (3, 1, 6, 16)
    for cloud, of_cloud, tokens in zip(own, groups, together, strict=True):
        assert torch.equal(encoder.encode(cloud, of_cloud), tokens)


@NEEDS_KERNELS
def test_tokens_are_computed_on_the_gpu_and_stay_there(fitted):
    encoder, own = fitted
    groups = [grouped(cloud) for cloud in own]
    expected = encoder.encode(own[0], groups[0])
    with pretended_gpu.present() as counts:
        on_gpu = encoders.load("shape", device="cuda")
        assert on_gpu.device.type == "cuda"
        on_gpu.restore(encoder.state())
        on_gpu.encode(own[0], groups[0])  # copies the state
        counts.waits.clear()
        of_two = launches(counts, lambda: on_gpu.encode_batch(own[1:], groups[1:]))
        assert launches(counts, lambda: on_gpu.encode_batch(own, groups)) == of_two
        tokens = on_gpu.encode(own[0], groups[0])
        assert tokens.is_cuda
        assert counts.waits == []
        assert set(OPS) <= set(counts.kernels)
        values = tokens.cpu()
    torch.testing.assert_close(values, expected, rtol=1e-5, atol=1e-5)


@NEEDS_KERNELS
def test_what_is_learned_does_not_depend_on_the_device(fitted):
    encoder, own = fitted
    with pretended_gpu.present() as counts:
        on_gpu = Shape(channels=16, device="cuda")
        on_gpu.fit(own)
        assert [reason for _, reason, _ in counts.waits] == ["stream"]
        assert set(OPS[:2]) <= set(counts.kernels)
    for name, values in encoder.state().items():
        learned = on_gpu.state()[name]
        assert type(learned) is torch.Tensor, "not on the GPU"
        assert torch.equal(learned, values)


def test_a_gpu_without_the_kernels_leaves_the_work_to_the_cpu(fitted, monkeypatch):
    monkeypatch.setattr("musc2.encoders.learned.dispatch.serves", lambda op: op != OPS[0])
    encoder, own = fitted
    elsewhere = Shape(channels=16, device="cuda")
    assert elsewhere.device.type == "cpu"
    elsewhere.restore(encoder.state())
    groups = grouped(own[0])
    assert torch.equal(elsewhere.encode(own[0], groups), encoder.encode(own[0], groups))
