"""Random and hostile values for score and score_tokens: finite scores, or an InputError."""

import warnings

import numpy as np
import op_calls
import pytest
import torch
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

import musc2
from musc2.errors import MuscError

POISON = {"none": None, "nan": np.nan, "inf": np.inf, "-inf": -np.inf, "huge": 3e38}
CASES = given(
    st.integers(0, 2**32 - 1), st.sampled_from(op_calls.KINDS), st.sampled_from(list(POISON))
)


def examples(count):
    """Return the settings of a hypothesis test of so many examples."""
    return settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )


def poisoned(draw, values, poison):
    """Return values with one of them replaced."""
    if POISON[poison] is not None and values.size:
        values = values.copy()
        values.flat[draw.size(0, values.size - 1)] = POISON[poison]
    return values


def attack_tokens(number, kind, poison):
    """Score random tokens; scores are finite and maps have the size of the images."""
    draw = op_calls.Draw(np.random.default_rng(number), kind)
    count, layers, side = draw.size(0, 5), draw.size(1, 3), draw.size(1, 5)
    tokens = draw.values(count, layers, side, side, draw.size(1, 12))
    config = musc2.Config(
        aggregate_degrees=draw.pick((1,), (1, 3)),
        mutual_interval=draw.pick((0.0, 0.3), (0, 1), (0.5, 1.0)),
        rescore=draw.pick(True, False, None),
        subset_count=draw.pick(1, 1, 2),
        seed=draw.size(0, 9),
    )
    check(
        lambda values: musc2.score_tokens(
            poisoned(draw, values, poison), image_size=(9, 11), config=config
        ),
        tokens,
    )


def attack_images(number, kind, poison):
    """Score random images of any type and size."""
    draw = op_calls.Draw(np.random.default_rng(number), kind)
    shape = draw.size(0, 4), draw.size(1, 40), draw.size(1, 40), draw.pick(1, 3, 4)
    values = draw.values(*shape)
    if draw.pick(True, True, False):  # in the range of images
        values = np.clip(np.abs(values), 0, 1)
    dtype = draw.pick(np.float32, np.float64, np.float16, np.uint8, np.uint16, ">f4", bool)
    with np.errstate(all="ignore"):
        images = poisoned(draw, values, poison).astype(dtype)
    config = musc2.Config(input_size=draw.pick(16, 32, 48), input_resize=draw.pick("square", "fit"))
    encoder = draw.pick("texture", lambda pixels: pixels[:, :, ::8, ::8].permute(0, 2, 3, 1))
    check(lambda values: musc2.score(values, encoder_2d=encoder, config=config), images)


def check(score, values):
    """Score values and check the result; they are not changed."""
    before = values.copy()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = score(values)
    except MuscError:
        result = None
    assert np.array_equal(before, values, equal_nan=values.dtype.kind == "f")
    if result is None:
        return
    assert len(result.scores) == len(values)
    assert bool(torch.isfinite(result.scores).all())
    for part in result.maps:
        assert bool(torch.isfinite(part).all())
    assert np.isfinite(result.threshold.value)


@seed(0)
@examples(60)
@CASES
def test_random_tokens(number, kind, poison):
    attack_tokens(number, kind, poison)


@seed(0)
@examples(12)
@CASES
def test_random_images(number, kind, poison):
    attack_images(number, kind, poison)


@pytest.mark.long
@examples(5000)
@CASES
def test_many_random_tokens(number, kind, poison):
    attack_tokens(number, kind, poison)


@pytest.mark.long
@examples(1000)
@CASES
def test_many_random_images(number, kind, poison):
    attack_images(number, kind, poison)
