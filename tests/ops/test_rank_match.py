import math

import backends
import numpy as np
import pytest
import torch
from oracle.rank_match import rank_match as oracle

from musc2.errors import InputError
from musc2.ops import rank_match

INF = float("inf")


def test_tiny_case_with_the_answer_written_out(backend):
    source = torch.tensor([[10.0, 30.0, 20.0], [1.0, 2.0, 3.0]])
    target = torch.tensor([[0.5, 0.1, 0.5], [3.0, 2.0, 1.0]])
    assert rank_match(source, target).tolist() == [[20.0, 10.0, 30.0], [3.0, 2.0, 1.0]]


@pytest.mark.parametrize(
    "shape", [(1,), (7, 33), (3, 399), (3, 400), (2, 3, 1000), (50_000,), (5, 3000)]
)
@pytest.mark.parametrize("levels", [0, 3, 100])
def test_random_and_tied_rows_equal_the_oracle(backend, rng, shape, levels):
    backends.too_much_for_emulation(backend, 20 * math.prod(shape))
    source, target = (rng.standard_normal(shape).astype(np.float32) * 10.0**e for e in (-3, 3))
    if levels:
        source, target = (rng.integers(-levels, levels, shape).astype(np.float32) for _ in range(2))
    assert np.array_equal(rank_match(source, target).numpy(), oracle(source, target))


@pytest.mark.parametrize(
    "case", ["a", "b", "c", "ties_target", "ties_both", "ties_source", "big_ties", "one"]
)
def test_published_values(backend, golden, case):
    stored = golden("replace_sorted")
    matched = rank_match(stored[f"{case}_source"], stored[f"{case}_target"])
    assert np.array_equal(matched.numpy(), stored[f"{case}_out_stable"])


@pytest.mark.parametrize("n", [2, 500, 1100])
def test_minus_zero_ties_with_zero(backend, n):
    target = torch.zeros(n)
    target[1] = -0.0
    assert rank_match(torch.arange(n).float(), target).tolist() == list(range(n))
    assert torch.signbit(rank_match(target, torch.arange(n).float())).sum() == 0


def test_infinities_and_denormals_are_ordered(backend):
    source = torch.tensor([INF, -INF, 1e-45, -1e-45, 0.0])
    target = torch.tensor([3e38, INF, -INF, 1e-45, 0.0])
    denormal = 1.401298464324817e-45
    assert rank_match(source, target).tolist() == [denormal, INF, -INF, 0.0, -denormal]


def test_a_row_matched_with_itself_is_unchanged(backend, rng):
    row = rng.standard_normal((2, 1500)).astype(np.float32)
    assert np.array_equal(rank_match(row, row).numpy(), row)


def test_empty_rows_and_no_rows():
    assert rank_match(torch.empty(0), torch.empty(0)).shape == (0,)
    assert rank_match(torch.empty(0, 3), torch.empty(0, 3)).shape == (0, 3)
    assert rank_match(torch.empty(3, 0), torch.empty(3, 0)).shape == (3, 0)


@pytest.mark.parametrize("shape", [(30_000,), (3, 5000), (2, 1100), (200, 49)])
def test_thread_counts_give_equal_bits(backend, rng, over_threads, shape):
    backends.too_much_for_emulation(backend, 50 * math.prod(shape))
    source = rng.random(shape, dtype=np.float32)
    target = rng.integers(0, 99, shape).astype(np.float32)
    first, *repeats = over_threads(lambda: rank_match(source, target))
    assert all(torch.equal(first, repeat) for repeat in repeats)


def test_the_input_is_left_alone_and_need_not_be_contiguous(rng):
    source, target = (rng.random((9, 20), dtype=np.float32) for _ in range(2))
    before = source.copy(), target.copy()
    matched = rank_match(torch.from_numpy(source).T, target.T)
    assert np.array_equal(source, before[0])
    assert np.array_equal(target, before[1])
    assert np.array_equal(matched.numpy(), oracle(source.T, target.T))


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (np.zeros(3), np.zeros(3, np.float32), "rank_match: source must be float32, got float64"),
        (
            np.zeros(3, np.float32),
            np.zeros(3, int),
            "rank_match: target must be float32, got int64",
        ),
        (
            np.zeros((2, 3), np.float32),
            np.zeros((3, 2), np.float32),
            r"must have the same shape, got \(2, 3\) and",
        ),
        (
            np.float32(1),
            np.zeros(3, np.float32),
            r"source must have shape \(..., n\) with n below 2\^31, got \(\)",
        ),
        (
            np.array([0, np.nan], np.float32),
            np.zeros(2, np.float32),
            r"source must hold no NaN, got one at \(0, 1\)",
        ),
        (
            np.zeros(2, np.float32),
            np.array([0, np.nan], np.float32),
            r"target must hold no NaN, got one at \(0, 1\)",
        ),
        (np.zeros(2, np.float32), [1.0, 2.0], r"target must have shape \(..., n\)"),
    ],
)
def test_bad_arguments_are_named(source, target, message):
    with pytest.raises(InputError, match=message):
        rank_match(source, target)
