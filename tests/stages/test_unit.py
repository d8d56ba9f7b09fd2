import pytest
import torch

from musc2.stages.fuse import normal_level


@pytest.mark.parametrize(
    ("peaks", "level"),
    [
        ([4.0, 1.0, 2.0, 3.0, 90.0], 2.0),
        ([4.0, 1.0, 2.0, 90.0], 1.5),
        ([2.0, 3.0], 2.0),
        ([5.0], 5.0),
        ([3.0, 3.0, 3.0], 3.0),
        ([0.0, 0.0, 4.0, 2.0], 2.0),  # parts with an empty mask
        ([0.0, 0.0], 1.0),
        ([], 1.0),
    ],
)
def test_the_level_is_the_median_of_the_lower_half_of_the_parts_that_have_a_score(peaks, level):
    assert normal_level(torch.tensor(peaks)) == level


def test_all_good_parts_count():
    assert normal_level(torch.tensor([4.0, 1.0, 2.0, 3.0, 5.0]), all_good=True) == 3


def test_near_copies_do_not_blow_up_the_other_scores():
    level = normal_level(torch.tensor([1e-30, 1e-30, 1e-30, 2.0]))
    assert level == pytest.approx(2e-3)
