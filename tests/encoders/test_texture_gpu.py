"""On a pretended GPU texture gives about the tokens of the CPU, there, and fetches nothing."""

import copy

import backends
import parts
import pytest
import torch

from musc2 import Config, encoders, score
from musc2.encoders import texture
from musc2.ops._support import dispatch

pretended_gpu = pytest.importorskip(
    "pretended_gpu", reason="built with MUSC2_EMULATED=ON only", exc_type=ImportError
)
pytestmark = pytest.mark.skipif(
    not all("emulated" in backends.names(op) for op in texture.OPS),
    reason="needs the kernels of texture",
)
NEAR = 1e-5  # of the largest value, as between instruction sets


@pytest.fixture(autouse=True)
def _few_patches(monkeypatch):
    """Learn the dictionary from few patches, which takes no time."""
    monkeypatch.setattr(texture, "PATCHES", 300)


@pytest.fixture
def images(rng):
    rgb = torch.from_numpy(parts.images(rng, 8, size=(16, 24)))
    return (rgb.permute(0, 3, 1, 2) / 255).float()


def small(device="cpu"):
    return texture.Texture(words=24, channels=16, device=device)


def fitted(images, device="cpu"):
    encoder = small(device)
    encoder.fit(list(images))
    return encoder


def check_near(ours, expected):
    assert ours.is_cuda
    difference = (ours.cpu() - expected).abs().max()
    assert float(difference) <= NEAR * float(expected.abs().max())


def test_images_on_the_gpu_are_encoded_there(images):
    encoder = fitted(images)
    expected = encoder.encode(images).tokens
    with pretended_gpu.present():
        check_near(encoder.encode(images.to("cuda")).tokens, expected)


@pytest.mark.parametrize("name", ["texture", "texture-448"])
def test_encoders_are_loaded_for_a_device(images, monkeypatch, name):
    monkeypatch.setattr(texture, "ROUNDS", 1)
    with pretended_gpu.present():
        encoder = encoders.load(name, device="cuda")
        encoder.fit(list(images[:2]))
        assert encoder.encode(images[:1]).tokens.is_cuda


def test_nothing_is_waited_for_after_the_first_call_and_launches_do_not_grow(images):
    encoder = fitted(images)
    with pretended_gpu.present() as counts:
        on_gpu = images.to("cuda")
        encoder.encode(on_gpu)
        launches = []
        for batch in (on_gpu[:2], on_gpu):
            counts.waits.clear()
            counts.launches.clear()
            encoder.encode(batch)
            assert counts.waits == []
            launches.append(counts.launches[""])
    assert launches[0] == launches[1] > 0


def test_an_encoder_of_a_gpu_takes_images_from_the_cpu_through_pinned_memory(images):
    encoder = fitted(images, "cuda")
    expected = fitted(images).encode(images).tokens
    with pretended_gpu.present() as counts:
        encoder.encode(images)
        counts.waits.clear()
        tokens = encoder.encode(images).tokens
        assert counts.waits == []
        check_near(tokens, expected)


def test_what_is_learned_does_not_depend_on_the_device(images):
    expected = fitted(images).state()
    with pretended_gpu.present() as counts:
        states = [
            fitted(images, "cuda").state(),
            fitted(images.to("cuda").unbind(), "cuda").state(),
        ]
        assert sum(counts.launches.values()) == 0
    for state in states:
        for name, value in expected.items():
            assert type(state[name]) is torch.Tensor
            assert torch.equal(state[name], value)


def test_a_gpu_without_the_kernels_leaves_the_work_to_the_cpu(images, monkeypatch):
    encoder = fitted(images, "cuda")
    monkeypatch.setattr(dispatch, "serves", lambda op: op != "dictionary_tokens")
    expected = encoder.encode(images).tokens
    assert type(expected) is torch.Tensor
    with pretended_gpu.present():
        assert torch.equal(encoder.encode(images.to("cuda")).tokens, expected)


def test_what_is_learned_anew_is_used_and_copies_have_their_own(images):
    encoder = fitted(images)
    with pretended_gpu.present():
        encoder.encode(images.to("cuda"))
        twin = copy.deepcopy(encoder)
        encoder.fit(list(images[:3]))
        expected = [own.encode(images).tokens for own in (encoder, twin)]
        check_near(encoder.encode(images.to("cuda")).tokens, expected[0])
        check_near(twin.encode(images.to("cuda")).tokens, expected[1])
    assert not torch.allclose(*expected, rtol=1e-2)


def test_thread_orders_give_equal_bits(images):
    encoder = fitted(images)
    orders, default = backends.ORDERS, backends.EMULATED.order()
    tokens = []
    try:
        with dispatch.emulated():
            for order in orders:
                backends.EMULATED.set_order(order)
                tokens.append(encoder.encode(images[:1]).tokens)
    finally:
        backends.EMULATED.set_order(default)
    assert len(tokens) == len(orders) > 3
    assert all(torch.equal(tokens[0], other) for other in tokens[1:])


def test_scores_on_the_gpu_are_near_those_on_the_cpu(rng):
    rgb = parts.images(rng, 6, size=(40, 32))
    config = Config(input_size=40, search_precision="float32")
    expected = score(rgb, encoder_2d=small(), config=config, device="cpu")
    with pretended_gpu.present() as counts:
        result = score(rgb, encoder_2d=small("cuda"), config=config, device="cuda")
        assert counts.kernels["dictionary_tokens"] == 1
        waits = {reason for _, reason, line in counts.waits if "texture" in line}
        assert waits == {"a copy from pageable memory"}  # of the state, once
    torch.testing.assert_close(result.scores, expected.scores, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        result.patch_scores_2d, expected.patch_scores_2d, rtol=1e-4, atol=1e-5
    )
