import subprocess
import sys

import numpy as np
import pytest
import torch
from oracle.dictionary_tokens import dictionary_tokens as oracle
from tolerances import ORACLE

from musc2.errors import InputError
from musc2.ops import dictionary_tokens


def case(rng, shape=(1, 3, 24, 32), components=48, words=20):
    images = rng.random(shape).astype(np.float32)
    whitening = (rng.standard_normal((108, components)) / 10).astype(np.float32)
    return images, whitening, rng.standard_normal((words, components)).astype(np.float32)


def test_tiny_case_with_the_answer_written_out(backend):
    """In a flat image every patch minus its mean is zero: a token holds the norm of each word."""
    words = torch.zeros(2, 5)
    words[0, :2] = torch.tensor([3.0, 4.0])
    tokens = dictionary_tokens(torch.full((1, 3, 8, 8), 0.7), torch.ones(108, 5), words)
    torch.testing.assert_close(tokens.flatten(), torch.tensor([5.0, 0.0]), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "components", "words"),
    [
        ((2, 3, 24, 32), 48, 20),
        ((1, 3, 8, 8), 48, 256),
        ((1, 3, 16, 8), 1, 1),
        ((1, 3, 8, 40), 33, 17),
        ((1, 3, 8, 248), 50, 130),
    ],
)
@pytest.mark.parametrize("softness", [10 / 255, 0.0])
def test_random_images_agree_with_the_oracle(backend, rng, shape, components, words, softness):
    images, whitening, dictionary = case(rng, shape, components, words)
    before = images.copy()
    rtol, atol = ORACLE["dictionary_tokens"]
    tokens = dictionary_tokens(images, whitening, dictionary, softness=softness)
    for result, image in zip(tokens, images, strict=True):
        np.testing.assert_allclose(
            result, oracle(image, whitening, dictionary, softness), rtol=rtol, atol=atol
        )
    assert np.array_equal(images, before)


def test_without_softness_flat_patches_stay_zero_and_contrast_does_not_matter(backend, rng):
    images, whitening, words = case(rng)
    black = dictionary_tokens(np.zeros_like(images), whitening, words, softness=0.0)
    np.testing.assert_allclose(black[0, 0, 0], np.linalg.norm(words, axis=1), rtol=1e-5)
    tokens = dictionary_tokens(images, whitening, words, softness=0.0)
    torch.testing.assert_close(
        dictionary_tokens(images / 4, whitening, words, softness=0.0), tokens
    )


def test_a_word_more_changes_no_other(backend, rng):
    images, whitening, words = case(rng)
    assert torch.equal(
        dictionary_tokens(images, whitening, words[:7]),
        dictionary_tokens(images, whitening, words)[..., :7],
    )


def test_thread_counts_and_the_rest_of_the_batch_do_not_change_a_bit(backend, rng, over_threads):
    images, whitening, words = case(rng, (3, 3, 40, 24))
    first, *repeats = over_threads(lambda: dictionary_tokens(images, whitening, words))
    assert all(torch.equal(first, repeat) for repeat in repeats)
    assert torch.equal(first[1:2], dictionary_tokens(images[1:2], whitening, words))


def test_another_thread_may_change_the_thread_count_during_a_call():
    """Scratch made for one thread must not be used by the 64 that the next image would get."""
    script = """
import threading, time, numpy, musc2

def change_thread_count():
    while True:
        for count in (1, 64):
            musc2.set_num_threads(count)
            time.sleep(0.001)

rng = numpy.random.default_rng(0)
images = rng.random((24, 3, 128, 128), numpy.float32)
whitening = rng.standard_normal((108, 48)).astype(numpy.float32)
words = rng.standard_normal((256, 48)).astype(numpy.float32)
musc2.set_num_threads(1)
expected = musc2.ops.dictionary_tokens(images, whitening, words)
threading.Thread(target=change_thread_count, daemon=True).start()
for repeat in range(3):
    assert (musc2.ops.dictionary_tokens(images, whitening, words) == expected).all()
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(("count", "words"), [(0, 5), (2, 0)])
def test_no_images_or_words_give_no_tokens(rng, count, words):
    images, whitening, dictionary = case(rng)
    tokens = dictionary_tokens(np.repeat(images, count, 0), whitening, dictionary[:words])
    assert tokens.shape == (count, 3, 4, words)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"images": np.zeros((1, 3, 9, 8), np.float32)},
            "dictionary_tokens: images must have a height and width",
        ),
        (
            {"whitening": np.zeros((27, 4), np.float32)},
            r"whitening must have shape \(108, P\), got \(27, 4\)",
        ),
        (
            {"whitening": np.full((108, 4), np.nan, np.float32)},
            r"whitening must be finite, got nan at \(0, 0\)",
        ),
        (
            {"words": np.zeros((5, 3), np.float32)},
            "words must have the 4 columns of whitening, got 3",
        ),
        ({"words": np.zeros((5, 4))}, "words must be float32, got float64"),
        ({"softness": -1.0}, "softness must be a finite number of at least 0, got -1.0"),
    ],
)
def test_bad_arguments_are_named(changes, message):
    good = {
        "images": np.zeros((1, 3, 8, 8), np.float32),
        "whitening": np.zeros((108, 4), np.float32),
        "words": np.zeros((5, 4), np.float32),
    }
    with pytest.raises(InputError, match=message):
        dictionary_tokens(**(good | changes))
