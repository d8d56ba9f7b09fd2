"""The outlier detector for scikit-learn. Its own checks take rows of numbers, X of shape (N, F).

Checks of parameters run on the detector as it is. Those that call fit run on ``OfRows``, which
draws each row as an image. Not run: checks of the shape and type of X (a part is no row), of
feature names, of sparse and complex X, and of NaN, which ``musc2.score`` refuses with errors of its
own.
"""

import inspect
import pickle
import warnings

import numpy as np
import parts
import pytest
import torch
from parts import SMALL

import musc2
from musc2.errors import InputError

pytest.importorskip("sklearn")
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks

from musc2.sklearn import MutualScorer

OPTIONS = {"encoder": parts.colors, "config": SMALL}
CHECKS_OF_PARAMETERS = [
    "check_estimator_cloneable",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_no_attributes_set_in_init",
    "check_get_params_invariance",
    "check_set_params",
    "check_parameters_default_constructible",
    "check_mixin_order",
    "check_valid_tag_types",
]
CHECKS_OF_FITTING = [
    "check_estimators_fit_returns_self",
    "check_estimators_overwrite_params",
    "check_estimators_unfitted",
    "check_fit_check_is_fitted",
    "check_dict_unchanged",
    "check_dont_overwrite_parameters",
    "check_fit_idempotent",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_readonly_memmap_input",
    "check_f_contiguous_array_estimator",
]


def detector(**options):
    return MutualScorer(**{**OPTIONS, **options})


class OfRows(MutualScorer):
    """Takes rows of numbers: each becomes an image of one stripe per number."""

    def __init__(self, *, contamination="auto"):
        super().__init__(**OPTIONS, contamination=contamination)

    def score_samples(self, X):
        return super().score_samples(self._drawn(X))

    def fit(self, X, y=None):
        self.columns_ = np.asarray(X).shape[1]
        return super().fit(self._drawn(X), y)

    def _drawn(self, X):
        rows = 1 / (1 + np.exp(-np.asarray(X, np.float64)))
        wide = np.repeat(rows, 8, axis=1)[:, None, :, None]
        return np.broadcast_to(wide, (len(rows), 16, wide.shape[2], 3)).astype(np.float32)


def run(check, estimator):
    function = getattr(estimator_checks, check, None)
    if function is None:
        pytest.skip("this version of scikit-learn has no such check")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # copies in the checks' data
        function(type(estimator).__name__, estimator)


@pytest.mark.parametrize("check", CHECKS_OF_PARAMETERS)
def test_passes_the_checks_of_parameters(check):
    run(check, MutualScorer())


@pytest.mark.parametrize("check", CHECKS_OF_FITTING)
def test_passes_the_checks_of_fitting(check):
    run(check, OfRows())


def test_the_checks_see_an_estimator_that_is_wrong():
    class Wrong(OfRows):
        def fit(self, X, y=None):
            super().fit(X, y)
            self.contamination = 0.1
            return self

    with pytest.raises(AssertionError):
        run("check_estimators_overwrite_params", Wrong())


@pytest.fixture
def good(rng):
    return parts.images(rng, 8)


@pytest.fixture
def bad(rng):
    return parts.images(rng, 2, defect=(1, 20, 30))


def test_a_defect_is_an_outlier(good, bad):
    fitted = detector().fit(good)
    assert fitted.predict(bad).tolist() == [1, -1]
    scores = fitted.score_samples(bad)
    assert scores[1] < 2 * scores[0] < 0
    np.testing.assert_array_equal(fitted.decision_function(bad), scores - fitted.offset_)


def test_scores_are_the_raw_scores_of_the_bank(good):
    fitted = detector().fit(good)
    result = musc2.score(good, encoder_2d=parts.colors, config=SMALL)
    np.testing.assert_allclose(-fitted.reference_scores_, result.raw_scores, rtol=1e-5)
    assert fitted.offset_ == -fitted.scorer_.threshold.value


def test_the_score_of_a_part_does_not_depend_on_its_company(good, bad):
    fitted = detector().fit(good)
    together = fitted.score_samples(bad)
    alone = [fitted.score_samples(bad[index : index + 1])[0] for index in range(2)]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize(("contamination", "count"), [(0.125, 1), (0.25, 2), (0.5, 4)])
def test_contamination_is_the_share_of_suspicious_references(good, contamination, count):
    labels = detector(contamination=contamination).fit_predict(good)
    assert (labels == -1).sum() == count


def test_references_that_are_good_are_below_the_threshold(good, bad):
    good_ones = np.concatenate([good, good[:1] // 2])  # an odd one, good all the same
    fitted = detector(references_are_good=True).fit(good_ones)
    assert (fitted.fit_predict(good_ones) == 1).all()
    assert fitted.offset_ < fitted.reference_scores_.min()


def test_fit_predict_says_what_predict_says_of_the_references(good, bad):
    mixed = np.concatenate([good, bad])
    fitted = detector()
    labels = fitted.fit_predict(mixed)
    assert labels.tolist() == [1] * 9 + [-1]
    with pytest.warns(UserWarning, match="do not vouch for themselves"):
        assert fitted.predict(mixed).tolist() == labels.tolist()


def test_lists_files_and_generators_are_references_too(good, bad, tmp_path):
    expected = detector().fit(good).score_samples(bad)
    for index, image in enumerate(good):
        np.save(tmp_path / f"{index}.npy", image)
    files = sorted(tmp_path.iterdir())
    for references in (list(good), map(np.array, good), files, torch.from_numpy(good)):
        fitted = detector().fit(references)
        np.testing.assert_array_equal(fitted.score_samples(iter(bad)), expected)


def test_scans_are_compared_with_scans(rng):
    scans, new = parts.maps(rng, 8), parts.maps(rng, 2, defect=(1, 18, 30))
    fitted = detector(modality="pcd", encoder=parts.spread).fit(scans)
    scores = fitted.score_samples(new)
    assert scores[1] < scores[0]


def test_a_clone_has_the_parameters_and_is_not_fitted(good, bad):
    fitted = detector(contamination=0.25).fit(good)
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert set(copy.get_params()) == set(inspect.signature(MutualScorer).parameters)
    with pytest.raises(NotFittedError):
        copy.predict(bad)
    assert copy.set_params(contamination=0.5).contamination == 0.5


def test_a_pickled_detector_scores_alike(good, bad):
    fitted = detector().fit(good)
    restored = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(restored.score_samples(bad), fitted.score_samples(bad))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"contamination": 0}, 'contamination must be "auto" or a number above 0 up to 0.5, got 0'),
        ({"contamination": 0.6}, 'contamination must be "auto" or .*, got 0.6'),
        ({"contamination": "no"}, "contamination must be .*, got 'no'"),
        ({"contamination": None}, "contamination must be .*, got None"),
        (
            {"contamination": 0.1, "references_are_good": True},
            'contamination must be "auto" if references_are_good, got 0.1',
        ),
        ({"modality": "3d"}, "modality must be one of rgb, pcd, got '3d'"),
        ({"config": "fast"}, "config must be a musc2.Config or one of .*, got 'fast'"),
    ],
)
def test_parameters_are_checked_by_fit(good, options, message):
    with pytest.raises(InputError, match=f"^MutualScorer: {message}"):
        detector(**options).fit(good)


def test_what_is_no_image_is_refused(good):
    fitted = detector().fit(good)
    with pytest.raises(InputError, match=r"Scorer.score: rgb must be an array"):
        fitted.predict(3)
    with pytest.raises(InputError, match="rgb must be at least 2 samples"):
        detector().fit(good[:1])
