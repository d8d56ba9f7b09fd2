"""The verdict on sets that are small enough to compute by hand."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from musc2 import verdict


def test_the_mode_of_even_steps_is_the_highest_score_of_the_lower_half():
    mode, spread = verdict.normal_mode(np.arange(1.0, 9))
    assert mode == 4
    assert spread == pytest.approx(math.sqrt((9 + 4 + 1) / 3))
    mode, spread = verdict.normal_mode(np.arange(1.0, 10))
    assert mode == 5
    assert spread == pytest.approx(math.sqrt((16 + 9 + 4 + 1) / 4))


def test_the_mode_lies_where_scores_of_the_lower_half_are_dense():
    scores = np.array([0, 0.2, 1, 3, 10, 10.01, 10.02, 10.03])
    mode, spread = verdict.normal_mode(scores)
    assert mode == 1
    assert spread == pytest.approx(math.sqrt((1 + 0.8**2) / 2))


def test_the_kernel_is_as_wide_as_half_of_the_scores_from_the_lowest_quarter_on():
    """It is 0.15, from 2 to 2.3; with 0.6, from 1 to 2.2, the mode would be 2."""
    mode, _ = verdict.normal_mode(np.array([0.9, 1, 2, 2.1, 2.2, 2.3, 9, 9]))
    assert mode == 2.1
    mode, _ = verdict.normal_mode(np.array([0.15, 0.88, 2.06, 2.11]))
    assert mode == 0.88  # 0.15 if 2.06 to 2.11 were looked at


@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_scores_above_and_below_the_mode_count(unit):
    mode, _ = verdict.normal_mode(unit * np.array([0.2, 1, 1.1, 1.2, 5, 6, 7, 8]))
    assert mode == unit


def test_one_score_below_the_mode_is_the_spread():
    assert verdict.normal_mode(np.array([0, 3, 3.1, 3.2])) == (3, 3)


def test_the_mode_of_equal_scores_is_the_most_frequent():
    mode, spread = verdict.normal_mode(np.array([1.0, 2, 2, 2, 2, 2, 9, 9]))
    assert mode == 2
    assert spread == pytest.approx(math.sqrt(1 / 5))


def around_ten(suspicious, score):
    """Return 100 scores with a mode of 10, 20 of them at 9, and some that may be suspicious."""
    return [9.0] * 20 + [10.0] * (80 - suspicious) + [score] * suspicious


@pytest.mark.parametrize(("suspicious", "breadth"), [(1, 3.0), (4, 1.5), (16, 0.75), (25, 0.7)])
def test_a_break_is_as_wide_as_some_excesses_of_the_normal_scores(suspicious, breadth):
    normal = 100 - suspicious
    spread = math.sqrt(20 / (normal - 1))
    least = breadth * (1 + (10 / normal) ** 2) * spread
    threshold = verdict.threshold(around_ten(suspicious, 14.0))
    assert threshold.value == pytest.approx(10 + max(least, 4 / 8))
    assert threshold.confidence == pytest.approx(1 - 0.5 * math.exp(2 * (1 - 4 / least)))
    verb = "lies" if suspicious == 1 else "lie"
    assert threshold.reason == f"{suspicious} of 100 parts {verb} above a break from 10 to 14"


def test_a_narrower_gap_is_no_break():
    least = 3 * (1 + (10 / 99) ** 2) * math.sqrt(20 / 98)
    narrow = verdict.threshold(around_ten(1, 10 + 0.995 * least))
    assert narrow.value > 10 + 0.995 * least
    wide = verdict.threshold(around_ten(1, 10 + 1.005 * least))
    assert wide.value == pytest.approx(10 + 1.005 * least / 2)
    assert wide.is_clear


def test_a_wide_break_is_cut_an_eighth_above_the_normal_scores():
    assert verdict.threshold(around_ten(1, 1010.0)).value == pytest.approx(10 + 1000 / 8)


def test_scores_three_spreads_above_the_mode_may_break_away():
    """12 is 4.4 spreads of 0.45 above the mode of 10."""
    threshold = verdict.threshold(around_ten(1, 12.0))
    assert threshold.value == 11
    assert threshold.reason == "1 of 100 parts lies above a break from 10 to 12"


def test_without_a_break_the_threshold_is_where_one_would_end():
    spread = math.sqrt(20 / 89)
    threshold = verdict.threshold([9.0] * 20 + [10.0] * 70 + [10.4] * 10)
    assert threshold.value == pytest.approx(10.4 + 3 * 1.01 * spread)
    assert threshold.confidence == pytest.approx(1 / (1 + (0.4 / spread / 3) ** 2))
    assert threshold.reason == "no part stands out: all 100 scores lie close together"


def test_three_spreads_are_still_close():
    threshold = verdict.threshold([9.0] * 20 + [10.0] * 61 + [11.5] * 19)
    assert threshold.value == pytest.approx(11.5 + 3 * 1.01 * 1.5)
    assert threshold.confidence == 0.5
    assert threshold.is_clear
    assert threshold.reason == "no part stands out: all 100 scores lie close together"


def test_four_parts_are_enough():
    assert verdict.threshold([1.0, 1.1, 9.0]).reason.endswith("too few to tell which are normal")
    threshold = verdict.threshold([1.0, 1.1, 1.2, 90.0])
    assert threshold.reason == "1 of 4 parts lies above a break from 1.2 to 90"


def test_half_of_the_parts_are_never_suspicious():
    assert verdict.threshold([1.0, 1.0, 1.0, 5.0, 6.0, 7.0, 8.0]).value >= 5
    assert verdict.threshold([1.0, 1.0, 1.0, 50.0, 100.0, 150.0, 200.0]).value > 200


def test_thresholds_of_a_bank_come_from_a_dictionary_of_them():
    own = verdict.BankThresholds(threshold=verdict.manual(3), map_threshold=2.5)
    assert verdict.bank_thresholds(dataclasses.asdict(own)) == own
    assert verdict.bank_thresholds(None) is None


def test_equal_scores_are_certain():
    equal = verdict.threshold([1.0] * 20)
    assert (equal.value, equal.confidence) == (pytest.approx(1 + 3 * 1.25 * 1e-3), 1.0)
    assert equal.reason == "no part stands out: all 20 scores lie close together"
    assert verdict.threshold([0.0] * 20 + [3.0]).confidence == 1.0


def test_a_threshold_by_hand_is_certain():
    threshold = verdict.manual(3)
    assert (threshold.value, threshold.confidence, threshold.method) == (3.0, 1.0, "manual")
    assert threshold.is_clear


def test_references_have_an_exponential_tail():
    threshold = verdict.threshold([0.0], reference_scores=np.arange(1.0, 11))
    assert threshold.value == pytest.approx(8 + 1.5 * math.log(2 / 0.05))
    assert threshold.confidence == pytest.approx(10 / 30)
    assert threshold.reason == "above the scores that 10 good parts let expect"
    threshold = verdict.threshold([0.0], reference_scores=[-4.0])
    assert threshold.value == pytest.approx(-4 + 0.004 * math.log(20))


def test_no_reference_lies_above_the_threshold():
    threshold = verdict.threshold([0.0], reference_scores=[1.0] * 99 + [2.0])
    assert threshold.value == 2


def test_the_threshold_of_maps_is_the_995th_of_a_thousand_values_that_are_not_0():
    values = torch.cat([torch.zeros(500), torch.arange(1.0, 1002)])
    assert verdict.map_threshold([values.reshape(19, 79)]) == pytest.approx(996)
