import pytest
import torch

from musc2.errors import InputError
from musc2.stages.subsets import split


@pytest.mark.parametrize(("samples", "subsets"), [(1, 1), (8, 1), (8, 2), (11, 3), (6, 3)])
def test_every_sample_is_in_one_part_of_about_equal_size(samples, subsets):
    parts = split(samples, subsets, 0)
    assert len(parts) == subsets
    assert torch.cat(parts).sort().values.tolist() == list(range(samples))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert all(part.tolist() == sorted(part.tolist()) for part in parts)


def test_the_seed_decides_the_parts():
    parts = [split(40, 4, seed)[0].tolist() for seed in (3, 3, 4)]
    assert parts[0] == parts[1]
    assert parts[0] != parts[2]


def test_parts_of_one_sample_are_refused():
    with pytest.raises(
        InputError,
        match="subset_count must leave at least 2 samples in each subset, got 3 for 5",
    ):
        split(5, 3, 0)
