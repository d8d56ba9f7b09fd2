import numpy as np
import pytest
import torch
from oracle.pool_grid import pool_grid as oracle
from tolerances import GOLDEN, ORACLE

from musc2.errors import InputError
from musc2.ops import pool_grid


def test_tiny_case_with_the_answer_written_out(backend):
    tokens = torch.tensor([0.0, float(np.log(2.0))]).reshape(1, 1, 2, 1)
    # Around 0 every position but the neighbor weighs 1; around log 2 every position but the patch
    # itself weighs 1/2.
    left, right = 0.5 * np.log(2) / 8.5, np.log(2) / 5
    assert pool_grid(tokens, (3,)).flatten().tolist() == pytest.approx([left, right], rel=1e-6)
    uniform = pool_grid(tokens, (3,), weighting="uniform").flatten().tolist()
    assert uniform == pytest.approx([np.log(2) / 9] * 2)
    assert torch.equal(pool_grid(tokens, (1,)), tokens)


@pytest.mark.parametrize("weighting", ["similarity", "uniform"])
@pytest.mark.parametrize("degrees", [(1,), (3,), (1, 3, 5), (5, 1), (7,), (3, 3), (11,)])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 4, 6, 3), (1, 5, 1, 17), (1, 7, 7, 150)])
def test_random_tokens_agree_with_the_oracle(backend, rng, weighting, degrees, shape):
    tokens = (rng.standard_normal(shape) * 0.3).astype(np.float32)
    before = tokens.copy()
    rtol, atol = ORACLE["pool_grid"]
    result = pool_grid(tokens, degrees, weighting=weighting)
    np.testing.assert_allclose(result, oracle(tokens, degrees, weighting), rtol=rtol, atol=atol)
    assert np.array_equal(tokens, before)


@pytest.mark.parametrize("name", ["r1", "r13", "r135", "r3"])
@pytest.mark.parametrize("scale", ["s005", "s1"])
def test_published_snamd(backend, golden, name, scale):
    stored = golden("snamd_2d_fp32")
    rtol, atol = GOLDEN["snamd"]
    for layer in range(3):
        tokens = stored[f"tokens{layer}_{scale}"][:, 1:].reshape(2, 14, 14, 64)
        result = pool_grid(tokens, [int(r) for r in name[1:]]).reshape(2, 196, 64)
        expected = stored[f"out_{name}_{scale}"][:, :, layer]
        np.testing.assert_allclose(result, expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("degree", [1, 3, 5])
def test_published_lnamd(backend, golden, degree):
    stored = golden("lnamd")
    rtol, atol = GOLDEN["lnamd"]
    for layer in range(3):
        tokens = torch.from_numpy(stored[f"tokens{layer}"][:, 1:]).reshape(2, 10, 10, 32)
        tokens = torch.nn.functional.layer_norm(tokens, (10, 10, 32), eps=1e-5)
        result = pool_grid(tokens, (degree,), weighting="uniform").reshape(2, 100, 32)
        expected = stored[f"out_r{degree}"][:, :, layer]
        np.testing.assert_allclose(result, expected, rtol=rtol, atol=atol)


def test_equal_tokens_stay_as_they_are_inside(backend):
    pooled = pool_grid(torch.full((1, 7, 7, 5), 0.4))
    inside = torch.full((1, 3, 3, 5), 0.4)
    torch.testing.assert_close(pooled[:, 2:5, 2:5], inside, rtol=1e-6, atol=0)


def test_tokens_too_far_apart_to_mix_stay_as_they_are(backend, rng):
    tokens = (rng.standard_normal((1, 4, 4, 40)) * 1e4).astype(np.float32)
    np.testing.assert_allclose(pool_grid(tokens), tokens, rtol=1e-6)
    huge = torch.full((1, 2, 2, 20), 3e38)
    assert torch.isfinite(pool_grid(huge * torch.tensor([1.0, -1.0]).reshape(1, 1, 2, 1))).all()


def test_a_degree_wider_than_the_grid_counts_all_the_positions_outside(backend, rng):
    tokens = rng.standard_normal((1, 2, 3, 4)).astype(np.float32)
    rtol, atol = ORACLE["pool_grid"]
    expected = oracle(tokens, (31,))
    np.testing.assert_allclose(pool_grid(tokens, (31,)), expected, rtol=rtol, atol=atol)


# Wider and higher than a tile of the GPU kernel, and of more channels than it takes at a time.
@pytest.mark.parametrize("degrees", [(1,), (3, 1), (1, 3, 5)])
@pytest.mark.parametrize("shape", [(2, 9, 31, 40), (1, 18, 5, 72)])
def test_grids_of_several_tiles_agree_with_the_oracle(backend, rng, degrees, shape):
    tokens = (rng.standard_normal(shape) * 0.1).astype(np.float32)
    rtol, atol = ORACLE["pool_grid"]
    expected = oracle(tokens, degrees)
    np.testing.assert_allclose(pool_grid(tokens, degrees), expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("weighting", ["similarity", "uniform"])
@pytest.mark.parametrize("degrees", [(1, 3, 5), (3,), (7, 1)])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("channels", [80, 3])
def test_tokens_of_16_bits_are_those_that_they_stand_for(
    backend, rng, weighting, degrees, dtype, channels
):
    tokens = torch.from_numpy(rng.standard_normal((2, 5, 7, channels)) * 0.1).to(dtype)
    rtol, atol = ORACLE["pool_grid"]
    result = pool_grid(tokens, degrees, weighting=weighting)
    assert result.dtype == torch.float32
    expected = oracle(tokens.double().numpy(), degrees, weighting)
    np.testing.assert_allclose(result, expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("weighting", ["similarity", "uniform"])
def test_thread_counts_and_the_rest_of_the_batch_do_not_change_a_bit(
    backend, rng, over_threads, weighting
):
    tokens = (rng.standard_normal((3, 9, 8, 70)) * 0.1).astype(np.float32)
    first, *repeats = over_threads(lambda: pool_grid(tokens, weighting=weighting))
    assert all(torch.equal(first, repeat) for repeat in repeats)
    assert torch.equal(first[1:2], pool_grid(tokens[1:2], weighting=weighting))


@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (2, 0, 4, 3), (2, 4, 4, 0)])
def test_empty_grids_stay_empty(shape):
    assert pool_grid(torch.empty(shape)).shape == shape


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"tokens": np.zeros((4, 4, 3), np.float32)},
            r"pool_grid: tokens must have shape \(N, h, w, C\), got \(4, 4",
        ),
        ({"tokens": np.zeros((1, 4, 4, 3))}, "tokens must be float32, got float64"),
        (
            {"tokens": np.full((1, 1, 1, 2), np.nan, np.float32)},
            r"tokens must be finite, got nan at \(0, 0, 0, 0\)",
        ),
        ({"degrees": (2,)}, r"degrees must be odd whole numbers, at least one, got \(2,\)"),
        ({"degrees": ()}, "degrees must be odd whole numbers, at least one"),
        ({"degrees": (1.0,)}, "degrees must be a whole number of at least 1, got 1.0"),
        ({"degrees": (10001,)}, "degrees must be a whole number from 1 to 9999, got 10001"),
        ({"weighting": "mean"}, "weighting must be one of similarity, uniform, got 'mean'"),
    ],
)
def test_bad_arguments_are_named(change, message):
    with pytest.raises(InputError, match=message):
        pool_grid(**({"tokens": np.zeros((1, 4, 4, 3), np.float32)} | change))
