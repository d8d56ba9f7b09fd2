import itertools

import numpy as np
import pytest
import torch
from oracle.pool_centers import pool_centers as oracle
from tolerances import GOLDEN, ORACLE

from musc2.errors import InputError
from musc2.ops import pool_centers


def sample(rng, groups, channels):
    return (
        (rng.standard_normal((groups, channels)) * 0.3).astype(np.float32),
        rng.standard_normal((groups, 3)).astype(np.float32),
        (rng.random(groups) * 0.02).astype(np.float32),
    )


def test_tiny_case_with_the_answer_written_out(backend):
    tokens = torch.tensor([[0.0, 8.0], [0.0, 8.0], [2.0, 4.0]])
    centers = torch.tensor([[0.0, 0, 0], [1, 0, 0], [3, 0, 0]])
    # Concatenated: 0 8 of degree 1, then the average of all three; averaged two by two.
    # The last center is curved.
    far = np.exp(-np.sqrt(20.0))
    flat = [4.0, (2 * far + 8 + 8 + 4 * far) / (2 + far) / 2]
    pooled = pool_centers(tokens, centers, torch.tensor([0.0, 0.005, 0.01]), (1, 3))
    np.testing.assert_allclose(pooled, [flat, flat, [2.0, 4.0]], rtol=1e-6)


@pytest.mark.parametrize("degrees", [(1,), (1, 3), (1, 3, 5), (5, 3, 1, 1), (7, 31)])
@pytest.mark.parametrize(("groups", "channels"), [(1, 1), (2, 5), (40, 48), (200, 70)])
def test_random_tokens_agree_with_the_oracle(backend, rng, degrees, groups, channels):
    arrays = sample(rng, groups, channels)
    before = [array.copy() for array in arrays]
    rtol, atol = ORACLE["pool_centers"]
    expected = oracle(*arrays, degrees)
    np.testing.assert_allclose(pool_centers(*arrays, degrees), expected, rtol=rtol, atol=atol)
    assert all(np.array_equal(array, copy) for array, copy in zip(arrays, before, strict=True))


def test_ties_go_to_the_lowest_index_and_far_tokens_in_one_place_stay_finite(backend, rng):
    tokens, _, _ = sample(rng, 60, 20)
    centers = rng.integers(0, 2, (60, 3)).astype(np.float32)
    rtol, atol = ORACLE["pool_centers"]
    for scale in (1, 1000):
        result = pool_centers(tokens * scale, centers, np.zeros(60, np.float32))
        expected = oracle(tokens * np.float32(scale), centers, np.zeros(60))
        np.testing.assert_allclose(result, expected, rtol=rtol, atol=atol * scale)


@pytest.mark.parametrize("name", ["r1", "r13", "r135"])
def test_published_values(backend, golden, name):
    stored = golden("snamd_3d_fp32")
    curvature = stored["curvatures"].copy()
    assert np.isnan(curvature[1])
    curvature[1] = 1.0  # the published code gives a row of zeros for NaN, we an error
    degrees = [int(r) for r in name[1:]]
    rtol, atol = GOLDEN["snamd"]
    for layer in range(3):
        result = pool_centers(stored[f"feat{layer}"], stored["center"].T, curvature, degrees)
        result = np.delete(result.numpy(), 1, 0)
        expected = np.delete(stored[f"out_{name}"][0, :, layer], 1, 0)
        np.testing.assert_allclose(result, expected, rtol=rtol, atol=atol)


def test_a_packed_batch_equals_its_samples_alone_for_all_thread_counts(backend, rng, over_threads):
    tokens, centers, curvature = sample(rng, 400, 33)
    offsets = [0, 3, 3, 4, 200, 400]
    alone = [
        pool_centers(tokens[a:b], centers[a:b], curvature[a:b])
        for a, b in itertools.pairwise(offsets)
    ]
    for result in over_threads(lambda: pool_centers(tokens, centers, curvature, offsets=offsets)):
        assert torch.equal(result, torch.cat(alone))


def test_curved_centers_keep_their_token(backend, rng):
    tokens, centers, curvature = sample(rng, 50, 9)
    assert np.array_equal(pool_centers(tokens, centers, curvature, curvature_threshold=0.0), tokens)
    # The threshold is compared in float32, as the published code does.
    curved = pool_centers(tokens, centers, np.full(50, 0.01, np.float32))
    assert torch.equal(curved, torch.from_numpy(tokens))


def test_no_centers_give_no_tokens():
    nothing = np.empty((0, 3), np.float32)
    assert pool_centers(nothing, nothing, nothing[:, 0]).shape == (0, 3)
    assert pool_centers(
        np.empty((2, 0), np.float32), np.eye(2, 3, dtype=np.float32), np.zeros(2, np.float32)
    ).shape == (2, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"tokens": np.zeros(5, np.float32)},
            r"pool_centers: tokens must have shape \(G, C\), got \(5,\)",
        ),
        (
            {"tokens": np.full((5, 2), np.inf, np.float32)},
            r"tokens must be finite, got inf at \(0, 0\)",
        ),
        ({"centers": np.zeros((4, 3), np.float32)}, "tokens has 5 rows but centers has 4"),
        (
            {"centers": np.zeros((5, 2), np.float32)},
            r"centers must have shape \(G, 3\), got \(5, 2\)",
        ),
        ({"curvature": np.zeros(6, np.float32)}, "tokens has 5 rows but curvature has 6"),
        (
            {"curvature": np.full(5, np.nan, np.float32)},
            r"curvature must be finite, got nan at \(0,\)",
        ),
        ({"degrees": (2,)}, "degrees must be odd whole numbers, at least one"),
        ({"degrees": (33,)}, "degrees must be a whole number from 1 to 31, got 33"),
        ({"curvature_threshold": float("nan")}, "curvature_threshold must be a number, got nan"),
        ({"curvature_threshold": "0.01"}, "curvature_threshold must be a number, got '0.01'"),
        (
            {"offsets": [0, 4]},
            r"offsets must rise from 0 to the number of tokens \(5\), got \[0, 4\]",
        ),
    ],
)
def test_bad_arguments_are_named(change, message):
    good = {
        "tokens": np.zeros((5, 2), np.float32),
        "centers": np.zeros((5, 3), np.float32),
        "curvature": np.zeros(5, np.float32),
    }
    with pytest.raises(InputError, match=message):
        pool_centers(**(good | change))
