import numpy as np
import pytest
import torch
from oracle.gradient_tokens import gradient_tokens as oracle
from tolerances import ORACLE

from musc2.errors import InputError
from musc2.ops import gradient_tokens


def random_images(rng, shape):
    return rng.random(shape).astype(np.float32)


def test_a_ramp_has_one_direction_and_its_neighbors(backend):
    """Brightness rises by 0.01 a pixel to the right: away from borders all positions agree."""
    ramp = torch.arange(96.0).mul(0.01).expand(1, 3, 96, 96)
    tokens = gradient_tokens(ramp)
    slanted = 0.01 * 2**-0.5
    expected = torch.tensor([0.01, slanted, 0, 0, 0, 0, 0, slanted]).repeat(17)
    torch.testing.assert_close(tokens[0, 6, 6], expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    "shape", [(2, 3, 32, 48), (1, 3, 8, 8), (1, 3, 8, 40), (1, 3, 56, 16), (1, 3, 40, 72)]
)
def test_random_images_agree_with_the_oracle(backend, rng, shape):
    images = random_images(rng, shape)
    before = images.copy()
    rtol, atol = ORACLE["gradient_tokens"]
    tokens = gradient_tokens(images)
    for result, image in zip(tokens, images, strict=True):
        np.testing.assert_allclose(result, oracle(image), rtol=rtol, atol=atol)
    assert np.array_equal(images, before)


def test_brightness_does_not_matter_and_contrast_scales(backend, rng):
    images = random_images(rng, (1, 3, 24, 24))
    tokens = gradient_tokens(images)
    torch.testing.assert_close(
        gradient_tokens(images + np.float32(1)), tokens, rtol=1e-4, atol=1e-6
    )
    assert torch.equal(gradient_tokens(images * np.float32(4)), 4 * tokens)
    assert torch.equal(gradient_tokens(torch.zeros(1, 3, 16, 16)), torch.zeros(1, 2, 2, 136))


def test_a_turned_image_gives_turned_tokens(backend, rng):
    images = torch.from_numpy(random_images(rng, (1, 3, 32, 32)))
    # The x axis of the turned image points down: directions move on by two.
    turned = gradient_tokens(torch.rot90(images, -1, (2, 3)))
    tokens = torch.rot90(gradient_tokens(images), -1, (1, 2)).unflatten(3, (17, 8)).roll(2, 4)
    rings = [tokens[..., :1, :], tokens[..., 1:9, :].roll(2, 3), tokens[..., 9:, :].roll(2, 3)]
    torch.testing.assert_close(turned, torch.cat(rings, 3).flatten(3), rtol=1e-4, atol=1e-6)


def test_thread_counts_and_the_rest_of_the_batch_do_not_change_a_bit(backend, rng, over_threads):
    images = random_images(rng, (5, 3, 24, 32))
    first, *repeats = over_threads(lambda: gradient_tokens(images))
    assert all(torch.equal(first, repeat) for repeat in repeats)
    assert torch.equal(first[2:3], gradient_tokens(images[2:3]))


@pytest.mark.parametrize("shape", [(0, 3, 16, 16), (2, 3, 0, 8), (2, 3, 8, 0)])
def test_no_pixels_give_no_tokens(shape):
    count, _, height, width = shape
    assert gradient_tokens(torch.empty(shape)).shape == (count, height // 8, width // 8, 136)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            np.zeros((3, 8, 8), np.float32),
            r"gradient_tokens: images must have shape \(N, 3, H, W\), got \(3, 8, 8\)",
        ),
        (
            np.zeros((1, 1, 8, 8), np.float32),
            r"images must have shape \(N, 3, H, W\), got \(1, 1, 8, 8\)",
        ),
        (np.zeros((1, 3, 8, 8)), "images must be float32, got float64"),
        (
            np.zeros((1, 3, 8, 12), np.float32),
            "images must have a height and width that are multiples of 8, got 8 x 12",
        ),
        (
            np.full((1, 3, 8, 8), np.inf, np.float32),
            r"images must be finite, got inf at \(0, 0, 0, 0\)",
        ),
    ],
)
def test_bad_arguments_are_named(images, message):
    with pytest.raises(InputError, match=message):
        gradient_tokens(images)
