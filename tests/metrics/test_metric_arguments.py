"""Forms of scores and labels that a metric must tell apart."""

import numpy as np
import pytest
import torch
from oracle.aupro_published import aupro_published as published_oracle

from musc2 import metrics
from musc2.errors import InputError

SCORES = [0.5, 0.25, 1.0, 0.75, 0.125]
LABELS = [0, 1, 1, 0, 0]
EXPECTED = metrics.auroc(np.array(SCORES), np.array(LABELS))


def test_vectors_of_different_lengths_are_one_set():
    scores = [np.array(SCORES[:2]), np.array(SCORES[2:])]
    labels = [np.array(LABELS[:2]), np.array(LABELS[2:])]
    assert metrics.auroc(scores, labels) == EXPECTED == pytest.approx(4 / 6)


def test_digits_beyond_float32_count_in_lists_and_tensors():
    close = 1 + 1e-9 * np.array([5, 3, 8, 6, 1])  # none of them is a float32
    assert (close.astype(np.float32) == 1).all()
    assert metrics.auroc(close, LABELS) == EXPECTED
    assert metrics.auroc(torch.from_numpy(close), LABELS) == EXPECTED
    pieces = [close[:1], close[1:3], close[3:]]
    labels = [np.array(LABELS[:1]), np.array(LABELS[1:3]), np.array(LABELS[3:])]
    assert metrics.auroc(pieces, labels) == EXPECTED


def test_bfloat16_is_read():
    assert metrics.auroc(torch.tensor(SCORES, dtype=torch.bfloat16), LABELS) == EXPECTED


@pytest.mark.parametrize(
    "labels", [[0, 0.5, 1, 0, 0], [0, 254, 255, 0, 0], [0, 7, 7, 0, 0], [0, -1, 0, 0, 0]]
)
def test_labels_of_other_values_are_refused(labels):
    with pytest.raises(InputError, match="labels must be bool, 0 and 1, or 0 and 255, got "):
        metrics.auroc(SCORES, labels)


@pytest.mark.parametrize("limit", [1.001, 2, -0.1])
def test_limits_that_are_no_rate_are_refused(limit):
    with pytest.raises(InputError, match="fpr_limit must be"):
        metrics.aupro(np.eye(2), np.eye(2), fpr_limit=limit)


@pytest.mark.parametrize("name", ["aupro", "aupro_published"])
def test_the_limit_is_three_tenths_unless_told(name, rng):
    maps, masks = rng.random((2, 20, 20)), rng.random((2, 20, 20)) < 0.2
    metric = getattr(metrics, name)
    assert metric(maps, masks) == metric(maps, masks, fpr_limit=0.3)
    assert metric(maps, masks) != metric(maps, masks, fpr_limit=0.6)


@pytest.mark.parametrize("limit", [0.26, 0.5, 0.75, 1.0])
def test_published_aupro_of_few_pixels_equals_the_oracle(limit):
    """Four normal pixels: rates are quarters, two of them are below 0.26, and 0.5 is the limit."""
    maps = np.array([[[0.0, 1, 2, 3, 3.5, 2.5]]])
    masks = np.array([[[0, 0, 0, 0, 1, 1]]], bool)
    expected = published_oracle(maps, masks, limit)
    assert metrics.aupro_published(maps, masks, fpr_limit=limit) == pytest.approx(expected)


def test_published_aupro_of_two_thresholds_and_down_to_the_lowest():
    """Thresholds are 0, 0.005 and so on; two of them are below the limit of 0.3."""
    normal = [0.999, *[0.9925] * 2, *[0.9875] * 50, *[0.0] * 47]
    maps = np.array([[[*normal, 1.0, 0.9925]]])
    masks = np.array([[[False] * 100 + [True] * 2]])
    assert metrics.aupro_published(maps, masks) == pytest.approx(0.75)
    assert published_oracle(maps, masks, 0.3) == pytest.approx(0.75)
    maps = np.array([[[0.0, 0.0025, 0.0025, 0.5, 1.0, 0.0025]]])
    masks = np.array([[[False] * 4 + [True] * 2]])
    expected = published_oracle(maps, masks, 1.0)
    assert metrics.aupro_published(maps, masks, fpr_limit=1.0) == pytest.approx(expected)


def test_22_bits_keep_13_of_the_fraction():
    for step, expected in ((2**-13, 1.0), (2**-14, 0.5)):
        pixels = metrics.PixelMetrics()
        pixels.add(np.array([[1.0, 1 + step]]), np.array([[0, 1]]))
        assert pixels.result()["auroc"] == expected
