import numpy as np
import pytest
import torch
from oracle.project_tokens import project_tokens as oracle
from tolerances import ORACLE

from musc2.errors import InputError
from musc2.ops import project_tokens


def case(rng, count=40, channels=30, columns=20):
    matrix = rng.standard_normal((channels, columns)) / channels**0.5  # results are about 1
    tokens, offset = rng.standard_normal((count, channels)), rng.random(columns)
    return tokens.astype(np.float32), matrix.astype(np.float32), offset.astype(np.float32)


def test_tiny_case_with_the_answer_written_out(backend):
    tokens, matrix = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]])
    projected = project_tokens(tokens, matrix, torch.tensor([0.0, 10.0, 100.0]))
    assert projected.tolist() == [[1.0, 12.0, 100.0]]


@pytest.mark.parametrize(
    "sizes",
    [(1, 1, 1), (7, 5, 16), (100, 398, 128), (49, 3, 97), (13, 64, 33), (130, 20, 300)],
)
def test_random_tokens_agree_with_the_oracle(backend, rng, sizes):
    tokens, matrix, offset = case(rng, *sizes)
    before = tokens.copy()
    rtol, atol = ORACLE["project_tokens"]
    result = project_tokens(tokens, matrix, offset)
    np.testing.assert_allclose(result, oracle(tokens, matrix, offset), rtol=rtol, atol=atol)
    assert np.array_equal(tokens, before)


def test_leading_dimensions_stay(backend, rng):
    tokens, matrix, offset = case(rng, 24)
    flat = project_tokens(tokens, matrix, offset)
    grid = project_tokens(tokens.reshape(2, 3, 4, 30), matrix, offset)
    assert torch.equal(grid, flat.reshape(2, 3, 4, 20))
    assert torch.equal(project_tokens(tokens[0], matrix, offset), flat[0])
    assert project_tokens(tokens[:0], matrix, offset).shape == (0, 20)
    without_channels = project_tokens(tokens[:, :0], matrix[:0], offset)
    assert torch.equal(without_channels[3], torch.from_numpy(offset))


def test_thread_counts_and_the_other_tokens_do_not_change_a_bit(backend, rng, over_threads):
    tokens, matrix, offset = case(rng, 200)
    first, *repeats = over_threads(lambda: project_tokens(tokens, matrix, offset))
    assert all(torch.equal(first, repeat) for repeat in repeats)
    assert torch.equal(first[77:80], project_tokens(tokens[77:80], matrix, offset))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": np.float32(1)}, r"project_tokens: tokens must have shape \(..., C\), got \(\)"),
        ({"tokens": np.zeros((2, 3))}, "tokens must be float32, got float64"),
        (
            {"tokens": np.full((1, 3), np.nan, np.float32)},
            r"tokens must be finite, got nan at \(0, 0\)",
        ),
        (
            {"matrix": np.zeros((4, 2), np.float32)},
            r"matrix must have shape \(3, D\), got \(4, 2\)",
        ),
        ({"offset": np.zeros(3, np.float32)}, r"offset must have shape \(2\), got \(3,\)"),
    ],
)
def test_bad_arguments_are_named(changes, message):
    good = {
        "tokens": np.zeros((2, 3), np.float32),
        "matrix": np.zeros((3, 2), np.float32),
        "offset": np.zeros(2, np.float32),
    }
    with pytest.raises(InputError, match=message):
        project_tokens(**(good | changes))
