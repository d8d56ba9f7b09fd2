"""Both directions of pairs from one product are the bits of single calls."""

import pytest
import torch

from musc2.ops import nearest_patches
from musc2.ops._support import dispatch
from musc2.ops._support.patch_pairs import PatchPairs, both_directions


def features(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("channels", [1, 24, 33])
def test_both_directions_are_the_bits_of_two_calls(channels):
    z, references = features(7, 130, channels), features(8, 211, channels, seed=1) + 0.5
    forward, backward = both_directions(z, references)
    expected = nearest_patches(z, references=references)
    back = nearest_patches(references, references=z)
    assert forward.shape == (7, 8, 130)
    assert torch.equal(forward.transpose(1, 2), expected)
    assert torch.equal(backward.permute(1, 2, 0), back)


@pytest.mark.parametrize("memory", [1, 200_000, 48 << 20])
def test_pairs_within_a_set_are_the_bits_of_the_whole_set(memory):
    z = features(9, 110, 20)
    z[4] = z[2]
    whole = nearest_patches(z)
    pairs = torch.tensor([[5, 1], [0, 8], [3, 0], [2, 4], [7, 6], [0, 8]])
    forward, backward = PatchPairs(z, memory=memory).distances(pairs)
    for row, (i, j) in enumerate(pairs.tolist()):
        assert torch.equal(forward[row], whole[i, :, j])
        assert torch.equal(backward[row], whole[j, :, i])
    assert (forward[3] == 0).all()


def test_huge_and_tiny_features_keep_their_scale():
    z, references = features(6, 20, 8), features(6, 20, 8, seed=1)
    forward, backward = both_directions(z, references)
    for scale in (2.0**70, 2.0**-70):
        scaled = both_directions(z * scale, references * scale)
        torch.testing.assert_close(scaled[0] / scale, forward)
        torch.testing.assert_close(scaled[1] / scale, backward)


@pytest.mark.parametrize("scale", [1e-14, 1e-16, 1e-22, 1e-31, 1e-37, 1e-42])
def test_patches_much_smaller_than_others(scale):
    z = features(2, 400, 90)
    z[:, 1::2] = -z[:, ::2]  # so that the center is that of the small ones
    z[:, :60] *= scale
    z[0, :60] += 3 * scale
    d, index = nearest_patches(z, return_index=True)
    assert (index[0, :60, 1] < 60).all()
    expected = torch.cdist(z[0].double(), z[1].double())
    torch.testing.assert_close(d[0, :, 1].double(), expected.amin(1), rtol=0.01, atol=60 * scale)


def test_thread_counts_give_equal_bits(over_threads):
    z, references = features(5, 90, 17), features(4, 70, 17, seed=1)
    first, *repeats = over_threads(lambda: both_directions(z, references))
    assert all(torch.equal(first[k], repeat[k]) for repeat in repeats for k in (0, 1))


def test_no_samples_or_pairs():
    z = features(3, 4, 5)
    assert both_directions(z[:0], z)[0].shape == (0, 3, 4)
    assert both_directions(z, z[:0])[1].shape == (3, 0, 4)
    assert PatchPairs(z).distances(torch.zeros(0, 2, dtype=torch.int64))[0].shape == (0, 4)


def test_a_window_gives_two_calls():
    z, references = features(3, 16, 5), features(2, 16, 5, seed=1)
    options = {"search_window": 1, "grid": (4, 4)}
    forward, backward = both_directions(z, references, **options)
    expected = nearest_patches(z, references=references, **options)
    back = nearest_patches(references, references=z, **options)
    assert torch.equal(forward.transpose(1, 2), expected)
    assert torch.equal(backward.permute(1, 2, 0), back)


def test_emulated_kernels_give_two_calls():
    pytest.importorskip("musc2._cuda_emulated")
    z, references = features(2, 9, 8), features(3, 7, 8, seed=1)
    with dispatch.emulated():
        forward, backward = both_directions(z, references, precision="float32")
    expected = both_directions(z, references, precision="float32")
    torch.testing.assert_close(forward, expected[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(backward, expected[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("filled", [0, 1, 37, 64])
def test_trailing_channels_of_zeros_are_skipped_without_changing_a_bit(filled):
    z, references = features(8, 130, 80), features(4, 90, 80, seed=1)
    z[..., filled:] = 0
    references[..., filled:] = 0
    distance = nearest_patches(z, references=references)
    further = references[:1].clone()
    further[0, 0, -1] = 9.0  # in the last channel: none is skipped
    searched = nearest_patches(z, references=torch.cat([references, further]))
    assert torch.equal(searched[..., :4], distance)
    expected = torch.cdist(z.double().flatten(0, 1), references.double().flatten(0, 1))
    nearest = expected.view(8, 130, 4, 90).amin(3).float()
    torch.testing.assert_close(distance, nearest, rtol=1e-4, atol=2e-3)


def test_zeros_are_skipped_up_to_the_last_channel_that_any_patch_fills():
    z, references = torch.zeros(2, 30, 40), torch.zeros(2, 25, 40)
    z[1, 29, 39] = 3.0
    references[0, 7, 38] = -4.0
    distance = nearest_patches(z, references=references, precision="float32")
    assert distance[1, 29].tolist() == [3.0, 3.0]
    assert (distance.flatten()[:-2] == 0).all()
    back = nearest_patches(references, references=z, precision="float32")
    assert back[0, 7].tolist() == [4.0, 4.0]
