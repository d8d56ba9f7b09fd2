"""The contract of all metrics, and the values of each."""

import numpy as np
import pytest
import torch
from oracle.aupro import aupro as aupro_oracle
from oracle.aupro_published import aupro_published as published_oracle
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from musc2 import metrics
from musc2.errors import InputError

SAME = {"rel": 0, "abs": 1e-9}


def f1_max_score(labels, scores):
    precision, recall, _ = precision_recall_curve(labels, scores)
    return (2 * precision * recall / np.maximum(precision + recall, 1e-300)).max()


BY_SKLEARN = {"auroc": roc_auc_score, "ap": average_precision_score, "f1_max": f1_max_score}


@pytest.fixture(params=["continuous", "ties", "few", "backwards"])
def sample(request, rng):
    """Maps and masks of 4 x 20 x 30."""
    masks = np.zeros((4, 20, 30), bool)
    masks[0, 3:9, 4:6] = masks[0, 9, 6:20] = masks[1, 0, :] = masks[1, 12:, 12:19] = masks[
        3, -1, -1
    ] = True
    maps = rng.standard_normal(masks.shape) + 1.2 * masks
    maps = {
        "continuous": maps,
        "ties": np.round(4 * maps),
        "few": np.digitize(maps, [1.2, 2]),
        "backwards": -maps,
    }[request.param]
    return maps.astype(np.float32), masks


@pytest.mark.parametrize("name", metrics.names())
def test_a_metric_is_a_share_and_1_for_a_perfect_map(name, sample):
    maps, masks = sample
    assert 0 <= metrics.get(name)(maps, masks) <= 1
    perfect = masks + np.linspace(0, 0.5, masks.size, dtype=np.float32).reshape(masks.shape)
    assert metrics.get(name)(perfect, masks) == pytest.approx(1, **SAME)


@pytest.mark.parametrize("name", metrics.names())
def test_forms_of_the_same_maps_give_the_same_value(name, sample):
    maps, masks = sample
    metric = metrics.get(name)
    expected = metric(maps, masks)
    assert metric(torch.from_numpy(maps), torch.from_numpy(masks)) == expected
    assert metric(list(maps), [255 * torch.from_numpy(mask).byte() for mask in masks]) == expected
    assert metric(torch.from_numpy(maps), list(masks)) == metric(tuple(maps), masks) == expected
    assert metric(maps.astype(np.float64), masks.astype(np.int64)) == expected
    assert metric(maps.astype(">f4"), masks.astype(np.float32)) == expected
    maps.setflags(write=False)
    assert metric(maps[:, ::-1], masks[:, ::-1]) == pytest.approx(expected, **SAME)
    assert metrics.pixel_metrics(maps, masks, only=[name]) == {name: expected}


@pytest.mark.parametrize("name", metrics.names())
def test_maps_may_have_different_sizes(name, sample):
    maps, masks = sample
    cut = [slice(0, 20), slice(0, 17), slice(3, 9), slice(1, 20)]
    cut_maps = [map[rows] for map, rows in zip(maps, cut, strict=True)]
    cut_masks = [mask[rows] for mask, rows in zip(masks, cut, strict=True)]
    assert 0 <= metrics.get(name)(cut_maps, cut_masks) <= 1


@pytest.mark.parametrize("name", metrics.names())
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda v, t: (v, t & False),
            "must hold both normal and anomalous, got 2400 normal and 0 anomalous",
        ),
        (
            lambda v, t: (v, t | True),
            "must hold both normal and anomalous, got 0 normal and 2400 anomalous",
        ),
        (
            lambda v, t: (v[:0], t[:0]),
            "must hold both normal and anomalous, got 0 normal and 0 anomalous",
        ),
        (
            lambda v, t: (v, t[:3]),
            r"must have the shape of (maps|scores), \(4, 20, 30\), got \(3, 20, 30\)",
        ),
        (lambda v, t: (list(v), list(t)[:3]), "must be as many as (maps|scores), 4, got 3"),
        (lambda v, t: (v[:3], list(t)), "must be as many as (maps|scores), 3, got 4"),
        (
            lambda v, t: (np.where(v == v.max(), np.nan, v), t),
            r"(maps|scores) must hold no NaN, got one at \(\d",
        ),
        (
            lambda v, t: (v, t + 2),
            r"(masks|labels) must be bool, 0 and 1, or 0 and 255, got int\d+ from 2 to 3",
        ),
        (
            lambda v, t: (v.astype(complex), t),
            "(maps|scores) must be an array of numbers, got numpy dtype complex128",
        ),
        (lambda v, t: ("maps", t), "(maps|scores) must be an array of numbers, got str"),
        (
            lambda v, t: ([[1.0], [2.0, 3.0]], t),
            "must be an array of numbers, got rows of different lengths",
        ),
    ],
)
def test_arguments_without_a_metric_are_refused_by_name(name, sample, change, message):
    function = metrics.get(name)
    with pytest.raises(InputError, match=f"^{function.func.__name__}: .*{message}"):
        function(*change(*sample))


@pytest.mark.parametrize("name", BY_SKLEARN)
def test_equal_to_scikit_learn(name, sample):
    maps, masks = sample
    expected = BY_SKLEARN[name](masks.ravel(), maps.ravel())
    assert metrics.get(name)(maps, masks) == pytest.approx(expected, **SAME)
    assert metrics.get(name)(maps.ravel(), masks.ravel()) == pytest.approx(expected, **SAME)


@pytest.mark.parametrize("name", BY_SKLEARN)
@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_digits_beyond_float32_count(name, rng, dtype):
    large = {np.float64: 2**52, np.int64: 2**62}[dtype]
    scores, labels = large + rng.integers(0, 50, 300).astype(dtype), rng.random(300) < 0.3
    expected = BY_SKLEARN[name](labels, scores - large)
    assert len(np.unique(scores.astype(np.float32))) == 1
    assert metrics.get(name)(scores, labels) == pytest.approx(expected, **SAME)
    assert metrics.get(name)(scores.tolist(), labels.tolist()) == pytest.approx(expected, **SAME)


@pytest.mark.parametrize("fpr_limit", [0.3, 0.1, 0.05, 0.01, 0.4999, 1.0])
def test_aupro_equals_the_oracle(sample, fpr_limit):
    expected = aupro_oracle(*sample, fpr_limit)
    assert metrics.aupro(*sample, fpr_limit=fpr_limit) == pytest.approx(expected, **SAME)


def test_aupro_of_a_tiny_case_is_the_written_out_one():
    """Regions of one and two pixels; at rates of 0, 1/4, 1/2, 1 are 1/2, 3/4, 3/4, 1 covered.

    The last two points of the curve come from one value.
    """
    maps = np.float32([[[9, 0, 7, 8, 0, 6, 0]]])
    masks = np.array([[[1, 0, 0, 1, 0, 0, 0]]], bool)
    assert metrics.aupro(maps, masks, fpr_limit=0.5) == pytest.approx(1.0)
    maps = np.float32([[[9, 8, 5, 4, 2, 2, 2]]])
    masks = np.array([[[1, 0, 1, 1, 0, 0, 0]]], bool)
    assert metrics.aupro(maps, masks, fpr_limit=0.25) == pytest.approx(0.5)
    assert metrics.aupro(maps, masks, fpr_limit=0.5) == pytest.approx((0.25 * 0.5 + 0.25 * 1) / 0.5)


@pytest.mark.parametrize("fpr_limit", [0.3, 0.1])
def test_published_aupro_equals_the_oracle(sample, fpr_limit):
    with np.errstate(invalid="ignore"):
        expected = published_oracle(*sample, fpr_limit)
    if not np.isfinite(expected):
        with pytest.raises(
            InputError, match="maps must have two false positive rates below fpr_limit"
        ):
            metrics.aupro_published(*sample, fpr_limit=fpr_limit)
    else:
        assert metrics.aupro_published(*sample, fpr_limit=fpr_limit) == pytest.approx(
            expected, **SAME
        )


@pytest.mark.parametrize("ties", ["", "_ties"])
def test_published_values(golden, ties):
    stored = golden("metrics")
    image = metrics.image_metrics(stored[f"pr_sp{ties}"], stored["gt_sp"])
    pixel = metrics.pixel_metrics(
        stored[f"pr_px{ties}"], stored["gt_px"], only=metrics.names("pixel")
    )
    names = ("auroc", "f1_max", "ap", "aupro_published")
    np.testing.assert_allclose(
        [image[name] for name in names[:3]], stored[f"image_metric{ties}"], rtol=0, atol=1e-9
    )
    np.testing.assert_allclose(
        [pixel[name] for name in names], stored[f"pixel_metric{ties}"], rtol=0, atol=1e-9
    )


def test_names_and_levels():
    assert set(metrics.names("image")) == {"auroc", "ap", "f1_max"}
    exact = {"auroc", "ap", "f1_max", "aupro@0.3", "aupro@0.1", "aupro@0.05", "aupro@0.01"}
    assert set(metrics.names("pixel")) == set(metrics.names()) == exact | {"aupro_published"}


def test_all_metrics_at_once_are_those_one_by_one(sample):
    by_name = metrics.pixel_metrics(*sample)
    assert set(by_name) == set(metrics.names()) - {"aupro_published"}
    assert by_name == {name: metrics.get(name)(*sample) for name in by_name}
    expected = {name: by_name[name] for name in metrics.names("image")}
    assert metrics.image_metrics(*sample) == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: metrics.aupro(np.zeros(4), np.arange(4) < 2),
            r"aupro: maps must have shape \(N, H, W\) or \(H, W\), or",
        ),
        (
            lambda: metrics.aupro(np.zeros((2, 2)), np.eye(2), fpr_limit=0),
            "aupro: fpr_limit must be above 0 and at most 1, got 0",
        ),
        (
            lambda: metrics.aupro_published(np.zeros((2, 2)), np.eye(2)),
            "aupro_published: maps must be finite and hold",
        ),
        (
            lambda: metrics.names("patch"),
            'names: level must be "image", "pixel" or None, got \'patch\'',
        ),
        (lambda: metrics.get("auc"), "get: a name must be one of .*auroc.*, got 'auc'"),
        (
            lambda: metrics.image_metrics([1, 2], [0, 1], only=["aupro@0.3"]),
            "image_metrics: a name must be one of",
        ),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
