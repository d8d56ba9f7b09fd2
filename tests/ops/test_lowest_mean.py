import numpy as np
import pytest
import torch
from oracle.lowest_mean import lowest_mean as oracle
from tolerances import ORACLE

from musc2.errors import InputError
from musc2.ops import lowest_mean

INF = float("inf")


def test_tiny_case_with_the_answer_written_out(backend):
    d = torch.tensor([[4.0, 1.0, INF, 2.0], [INF, 5.0, 3.0, 3.0]])
    assert lowest_mean(d, (0.0, 0.7)).tolist() == [1.5, 3.0]


@pytest.mark.parametrize(
    "interval", [(0.0, 0.3), (0.1, 0.3), (0, 5), (2, 7), (0.5, 1.0), (0.0, 0.0), (3, 3), (0, 10**6)]
)
@pytest.mark.parametrize("columns", [1, 2, 7, 49, 300, 2049])
def test_random_rows_agree_with_the_oracle(backend, rng, interval, columns):
    d = rng.random((5, 13, columns)).astype(np.float32)
    d[0, 0, 0] = d[1, 2, -1] = INF
    rtol, atol = ORACLE["lowest_mean"]
    np.testing.assert_allclose(lowest_mean(d, interval), oracle(d, interval), rtol=rtol, atol=atol)


def test_rows_of_equal_values_give_that_value(backend):
    assert torch.equal(lowest_mean(torch.full((3, 9), 0.1)), torch.full((3,), 0.1))


def test_a_row_with_nothing_taking_part_gives_infinity(backend):
    assert lowest_mean(torch.full((2, 3), INF)).tolist() == [INF, INF]
    assert lowest_mean(torch.full((20, 3), INF), (0, 9)).tolist() == [INF] * 20


def test_no_rows_give_no_means(backend):
    assert lowest_mean(torch.empty(0, 4)).shape == (0,)
    assert lowest_mean(torch.tensor([2.0, 1.0])).shape == ()


def test_thread_counts_give_equal_bits(backend, rng, over_threads):
    d = rng.random((1000, 49)).astype(np.float32)
    first, *repeats = over_threads(lambda: lowest_mean(d))
    assert all(torch.equal(first, repeat) for repeat in repeats)


def test_a_row_gives_the_same_bits_alone_and_among_others(backend, rng):
    d = rng.choice([1e-6, 1.0, 3.0, 1e6, INF], (40, 60)).astype(np.float32)
    d *= rng.random(60, dtype=np.float32)
    alone = torch.cat([lowest_mean(row[None], (0.1, 0.6)) for row in d])
    assert torch.equal(lowest_mean(d, (0.1, 0.6)), alone)


def test_the_input_is_left_alone(rng):
    d = rng.random((20, 9)).astype(np.float32)
    before = d.copy()
    lowest_mean(d)
    assert np.array_equal(d, before)


@pytest.mark.parametrize(
    ("d", "interval", "message"),
    [
        (np.zeros((2, 3)), (0.0, 0.3), "lowest_mean: d must be float32, got float64"),
        (
            np.zeros((2, 0), np.float32),
            (0.0, 0.3),
            r"d must have shape \(..., R\) with R at least 1, got \(2, 0\)",
        ),
        (np.full((2, 3), np.nan, np.float32), (0.0, 0.3), "d must hold no NaN"),
        (np.zeros((2, 3), np.float32), (0.4, 0.3), "interval must be two rising bounds"),
        (np.zeros((2, 3), np.float32), (0.0, 1.3), "interval must be two rising bounds"),
        (np.zeros((2, 3), np.float32), (-1, 3), "interval must be two rising bounds"),
        ([[1.0]], (0.0, 0.3), r"d must have shape \(..., R\)"),
    ],
)
def test_bad_arguments_are_named(d, interval, message):
    with pytest.raises(InputError, match=message):
        lowest_mean(d, interval)
