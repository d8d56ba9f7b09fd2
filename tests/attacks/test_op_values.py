"""Random values and memory layouts for every op: equal bits over layouts and threads, no NaN."""

import numpy as np
import op_calls
import pytest
import torch
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from musc2 import ops
from musc2.errors import MuscError
from musc2.ops._support.dispatch import set_num_threads

LAYOUTS = [
    lambda array: array,
    lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    lambda array: np.ascontiguousarray(array[::-1])[::-1],
    np.asfortranarray,
    lambda array: torch.from_numpy(array.copy()),
    lambda array: torch.from_numpy(np.repeat(array, 3, axis=0)[::3]),
    lambda array: torch.from_numpy(array.copy()).requires_grad_(array.dtype == np.float32),
    lambda array: array.astype(array.dtype.newbyteorder(">")),
]


def tensors(result):
    """Return the tensors of a result of any op."""
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, int):
        return [torch.tensor(result)]
    parts = result if isinstance(result, tuple) else vars(result).values()
    return [tensor for part in parts for tensor in tensors(part)]


def attack(name, number, kind):
    """Compare the results of one random call over threads and layouts."""
    draw = op_calls.Draw(np.random.default_rng(number), kind)
    arrays, options = op_calls.CALLS[name](draw)
    op = getattr(ops, name)
    try:
        expected = tensors(op(**arrays, **options))
    except MuscError:
        return
    for result in expected:
        assert not bool(result.isnan().any())
    for threads in (1, 2, 5):
        set_num_threads(threads)
        given_arrays = {key: draw.pick(*LAYOUTS)(array) for key, array in arrays.items()}
        for a, b in zip(expected, tensors(op(**given_arrays, **options)), strict=True):
            assert torch.equal(a, b), (threads, options)


def examples(count):
    """Return the settings of a hypothesis test of so many examples."""
    return settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )


@pytest.fixture(autouse=True)
def default_threads():
    yield
    set_num_threads(None)


CASES = given(st.integers(0, 2**32 - 1), st.sampled_from(op_calls.KINDS))


@pytest.mark.parametrize("name", op_calls.CALLS)
@seed(0)
@examples(25)
@CASES
def test_random_calls(name, number, kind):
    attack(name, number, kind)


@pytest.mark.long
@pytest.mark.parametrize("name", op_calls.CALLS)
@examples(1500)
@CASES
def test_many_random_calls(name, number, kind):
    attack(name, number, kind)
