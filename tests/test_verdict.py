import numpy as np
import pytest
import torch

from musc2 import Config, verdict
from musc2.errors import InputError


def normal_scores(count, seed=0):
    return np.random.default_rng(seed).normal(10, 1, count)


@pytest.mark.parametrize("defective", [1, 5, 15, 25])
def test_up_to_half_of_a_set_may_be_defective(defective):
    scores = normal_scores(50)
    scores[:defective] += 30
    threshold = verdict.threshold(scores)
    assert (scores > threshold.value).tolist() == [True] * defective + [False] * (50 - defective)
    assert threshold.is_clear
    assert threshold.method == "break"


def test_good_sets_raise_no_false_alarm_in_19_of_20_draws():
    sets = [normal_scores(50, seed) for seed in range(200)]
    alarms = [bool((scores > verdict.threshold(scores).value).any()) for scores in sets]
    assert sum(alarms) <= 10


def test_a_tail_without_a_break_is_no_clear_cut():
    tail = np.linspace(12.5, 18, 30)
    threshold = verdict.threshold(np.concatenate([normal_scores(40), tail]))
    assert threshold.value > 18
    assert not threshold.is_clear
    assert threshold.reason == "no clear cut: the highest scores trail off without a break"


def test_a_wider_break_is_clearer():
    scores = normal_scores(50)
    confidences = []
    for highest in (16.0, 18.0, 30.0):
        scores[0] = highest
        confidences.append(verdict.threshold(scores).confidence)
    assert confidences == sorted(confidences)
    assert 0.5 <= confidences[0] < confidences[2] <= 1


def test_the_unit_of_the_scores_does_not_matter():
    scores = normal_scores(40)
    scores[:3] += 20
    value = verdict.threshold(scores).value
    for factor in (1e-30, 1e-3, 1e30):
        assert verdict.threshold(scores * factor).value == pytest.approx(value * factor, rel=1e-9)


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0, 1e38])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 50])
def test_equal_scores_are_normal(count, value):
    threshold = verdict.threshold([value] * count)
    assert np.isfinite(threshold.value)
    assert threshold.value >= value
    assert 0 <= threshold.confidence <= 1


def test_one_other_score_among_equal_ones_is_suspicious():
    assert 0 <= verdict.threshold([0.0] * 20 + [3.0]).value < 3
    assert 1 <= verdict.threshold([1.0] * 20 + [3.0]).value < 3


def test_differences_of_rounding_are_none():
    assert verdict.threshold([1.0] * 20 + [1.0 + 1e-6]).value > 1.0 + 1e-6


def test_two_parts_cannot_tell_which_is_normal():
    threshold = verdict.threshold([1.0, 100.0])
    assert threshold.value == 100.0
    assert threshold.confidence == 0.0
    assert threshold.reason == "2 parts are too few to tell which are normal"


def test_the_mode_does_not_move_with_the_defective_half():
    scores = normal_scores(60)
    mode, spread = verdict.normal_mode(np.sort(scores))
    scores[:29] += 1000
    shifted, wider = verdict.normal_mode(np.sort(scores))
    assert abs(mode - 10) < 0.7
    assert abs(shifted - 10) < 1.2
    assert 0.4 < spread < 1.6
    assert 0.4 < wider < 3


def test_good_references_alone_decide():
    references = normal_scores(40)
    threshold = verdict.threshold([1e6, 1e6, 1e6], reference_scores=references)
    assert references.max() <= threshold.value < 10 + 8
    assert threshold.method == "references"
    more = verdict.threshold([0.0], reference_scores=normal_scores(400))
    assert more.confidence > threshold.confidence


def test_good_parts_rarely_exceed_the_threshold_of_references():
    alarms = 0
    for seed in range(200):
        scores = normal_scores(80, seed)
        value = verdict.threshold([0.0], reference_scores=scores[:40]).value
        alarms += bool((scores[40:] > value).any())
    assert alarms <= 20  # 5 % were meant; the tail of 40 parts is not known exactly


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_or_equal_references_give_a_threshold(count):
    value = verdict.threshold([0.0], reference_scores=torch.ones(count)).value
    assert 1 <= value < 1.1


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([], r"threshold: scores must be finite numbers of shape \(N,\), at least one, got shape"),
        ([[1.0, 2.0]], r"got shape \(1, 2\)"),
        ([1.0, float("nan")], "got NaN or infinity"),
        (["a"], "threshold: scores must be numbers, got list"),
        (None, "threshold: scores must be"),
    ],
)
def test_unusable_scores_are_refused(scores, message):
    with pytest.raises(InputError, match=message):
        verdict.threshold(scores)


def test_a_threshold_by_hand_must_be_a_number():
    assert verdict.manual(-2).value == -2.0
    for value in ("3", float("nan"), True):
        with pytest.raises(InputError, match="threshold: value must be a finite number"):
            verdict.manual(value)
    with pytest.raises(InputError, match="threshold must be None or a finite number"):
        Config(threshold=float("inf"))


def test_the_threshold_of_maps_is_a_quantile_of_the_foreground():
    values = torch.arange(1000.0).reshape(20, 50)
    assert verdict.map_threshold([values, values]) == pytest.approx(994, abs=2)
    assert verdict.map_threshold([torch.zeros(3, 3)]) == 0.0
    assert verdict.map_threshold([]) == 0.0
