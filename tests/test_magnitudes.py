"""Features of extreme but finite magnitude give the answers of the same features near 1."""

from __future__ import annotations

import pytest
import torch

import musc2
from musc2 import ops
from musc2.errors import InputError
from musc2.ops._support import magnitude

EXPONENTS = (-120, -66, -31, 0, 31, 63, 66, 123)


@pytest.fixture
def tokens() -> torch.Tensor:
    """Return tokens (12, 3, 8, 8, 16) of parts, of which number 5 is odd."""
    generator = torch.Generator().manual_seed(0)
    values = 0.3 * torch.randn(12, 3, 8, 8, 16, generator=generator)
    values += torch.randn(1, 3, 8, 8, 16, generator=generator)
    values[5, :, 3:5, 3:5] = torch.randn(3, 2, 2, 16, generator=generator)
    return values


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_scores_of_tokens_do_not_depend_on_their_magnitude(
    tokens: torch.Tensor, exponent: int
) -> None:
    config = musc2.Config(aggregate_degrees=(1,))  # without neighbors, whose weights do depend
    expected = musc2.score_tokens(tokens, image_size=(64, 64), config=config).scores
    scaled = (tokens.double() * 2.0**exponent).float()
    scores = musc2.score_tokens(scaled, image_size=(64, 64), config=config).scores
    torch.testing.assert_close(scores, expected, rtol=1e-5, atol=1e-6)
    assert int(scores.argmax()) == 5


@pytest.mark.parametrize("exponent", EXPONENTS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8", "float16"])
def test_distances_scale_with_the_features(precision: str, exponent: int) -> None:
    z = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(1))
    expected, index = ops.nearest_patches(z, precision=precision, return_index=True)
    scaled = (z.double() * 2.0**exponent).float()
    distance, scaled_index = ops.nearest_patches(scaled, precision=precision, return_index=True)
    assert torch.equal(scaled_index, index)
    torch.testing.assert_close(
        distance.double(), expected.double() * 2.0**exponent, rtol=1e-5, atol=0
    )


def test_references_are_scaled_with_the_samples() -> None:
    z = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(2))
    references = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(3))
    expected = ops.nearest_patches(z, references=references, precision="float32")
    scaled = ops.nearest_patches(z * 2.0**70, references=references * 2.0**70, precision="float32")
    assert torch.equal(scaled, expected * 2.0**70)


@pytest.mark.parametrize("magnitude", [1e19, 1e37])
def test_pooling_over_centers_that_coincide_stays_finite(magnitude: float) -> None:
    generator = torch.Generator().manual_seed(4)
    tokens = magnitude * torch.randn(15, 8, generator=generator)
    pooled = ops.pool_centers(tokens, torch.zeros(15, 3), torch.zeros(15))
    assert bool(pooled.isfinite().all())
    grid = ops.pool_grid(tokens.reshape(3, 5, 1, 8))
    assert bool(grid.isfinite().all())


def test_colors_whose_squares_overflow_are_refused() -> None:
    images = 1e38 * torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(5))
    with pytest.raises(InputError, match="images must be colors of at most 1e18"):
        ops.dictionary_tokens(images, torch.eye(108), torch.zeros(5, 108))


def test_negative_views_keep_their_sign() -> None:
    tokens = torch.rand(3, 4, generator=torch.Generator().manual_seed(6))
    negative = torch._neg_view(tokens)
    projected = ops.project_tokens(negative, torch.eye(4), torch.zeros(4))
    torch.testing.assert_close(projected, -tokens)


def test_a_row_of_denormals_is_searched_in_int8() -> None:
    z = torch.rand(3, 5, 8, generator=torch.Generator().manual_seed(7))
    z[1, 2] = 1e-42
    distance = ops.nearest_patches(z, precision="int8")
    exact = ops.nearest_patches(z, precision="float32")
    torch.testing.assert_close(distance, exact, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("count", [1, 31, 65_536, 65_537, 300_001])
def test_the_exponent_is_that_of_the_largest_magnitude(count: int) -> None:
    values = torch.randn(count, generator=torch.Generator().manual_seed(2))
    values[count // 2] = -(2.0**45)
    assert magnitude.excess_exponent(values) == 46 - magnitude.EXPONENT
    assert magnitude.excess_exponent(values.bfloat16()) == 46 - magnitude.EXPONENT
    assert magnitude.excess_exponent(values.repeat(2, 1).T[:, :1]) == 46 - magnitude.EXPONENT
    tiny = values * 2.0**-100
    assert magnitude.excess_exponent(tiny) == min(0, 46 - 100 + magnitude.EXPONENT)
    assert magnitude.excess_exponent(tiny, values) == 46 - magnitude.EXPONENT
    assert magnitude.excess_exponent(0 * values, values[:0]) == 0
