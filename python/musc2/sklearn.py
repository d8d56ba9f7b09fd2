"""An outlier detector with the methods of scikit-learn, which must be installed.

from musc2.sklearn import MutualScorer

detector = MutualScorer().fit("good_parts")
detector.predict(["new/17.png", "new/18.png"])            # 1 normal, -1 suspicious
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_is_fitted

from musc2 import checks
from musc2._arguments.config import resolve
from musc2.config import Config
from musc2.scorer import Scorer

_OP = "MutualScorer"
_MODALITIES = ("rgb", "pcd")


class MutualScorer(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """Compare each part with the parts that it was fitted on, patch by patch.

    X is what ``musc2.score`` takes as rgb: a folder, a list of paths, images or arrays,
    (N, H, W, 3), a torch data set; with modality="pcd" what it takes as pcd. ``fit`` makes a bank
    of it (``musc2.Scorer``), with which each part is compared alone, whatever else X holds.

    Args:
        encoder: As ``encoder_2d`` of ``musc2.score``, or ``encoder_3d`` with modality="pcd".
        modality: "rgb" or "pcd".
        contamination: The share of defective parts in the bank, above 0 up to 0.5; "auto" takes a
            break in their scores, as ``result.threshold`` does.
        references_are_good: Whether none of them is defective; then contamination must be "auto",
            and the threshold is above all of them.
        config: A preset or a ``Config``.
        device: As for ``musc2.score``.

    Attributes:
        scorer_: The ``musc2.Scorer``.
        reference_scores_: (R,) the score of each part of the bank among the others, as of
            ``score_samples``: higher is more normal, -1 is a typical normal part.
        offset_: Parts that score lower are suspicious.

    >>> parts = musc2.datasets.synthetic.parts(5, size=64, defective=0).rgb
    >>> detector = MutualScorer(encoder="texture").fit(parts)
    >>> painted = parts[0].copy()
    >>> painted[20:30, 20:30] = (255, 0, 255)
    >>> detector.predict([painted])
    array([-1])
    """

    def __init__(
        self,
        *,
        encoder: object = "auto",
        modality: str = "rgb",
        contamination: float | str = "auto",
        references_are_good: bool = False,
        config: Config | str = "musc-v2",
        device: str = "auto",
    ) -> None:
        self.encoder = encoder
        self.modality = modality
        self.contamination = contamination
        self.references_are_good = references_are_good
        self.config = config
        self.device = device

    def fit(self, X: object, y: object = None) -> MutualScorer:
        """Make the bank of X, and score each of its parts among the others; y is ignored."""
        checks.choice(_OP, "modality", self.modality, _MODALITIES)
        _check_contamination(self.contamination, self.references_are_good)
        is_image = self.modality == "rgb"
        self.scorer_ = Scorer.fit(
            X if is_image else None,
            None if is_image else X,
            encoder_2d=self.encoder if is_image else "auto",
            encoder_3d="auto" if is_image else self.encoder,
            config=resolve(_OP, self.config),
            references_are_good=self.references_are_good,
            device=self.device,
        )
        self.reference_scores_ = -self.scorer_.scores().raw_scores.double().numpy()
        if self.contamination == "auto":
            self.offset_ = -self.scorer_.threshold.value
        else:
            share = cast(float, self.contamination)
            self.offset_ = float(np.quantile(self.reference_scores_, share))
        return self

    def score_samples(self, X: object) -> NDArray[np.float64]:
        """Return (N,): higher is more normal, -1 is a typical normal part."""
        check_is_fitted(self)
        is_image = self.modality == "rgb"
        result = self.scorer_.score(X if is_image else None, None if is_image else X)
        scores: NDArray[np.float64] = -result.raw_scores.double().numpy()
        return scores

    def decision_function(self, X: object) -> NDArray[np.float64]:
        """Return (N,): ``score_samples`` above ``offset_``; negative is suspicious."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: object) -> NDArray[np.int64]:
        """Return (N,): 1 for normal parts, -1 for suspicious ones."""
        return _signs(self.decision_function(X))

    def fit_predict(self, X: object, y: object = None) -> NDArray[np.int64]:
        """Return what ``predict`` says of the parts of the bank, each among the others."""
        self.fit(X)
        return _signs(self.reference_scores_ - self.offset_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags


def _signs(decisions: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.where(decisions < 0, -1, 1).astype(np.int64)


def _check_contamination(contamination: object, references_are_good: object) -> None:
    if contamination == "auto":
        return
    if not checks.is_number(contamination) or not 0 < cast(float, contamination) <= 0.5:
        requirement = 'must be "auto" or a number above 0 up to 0.5'
        checks.refuse(_OP, "contamination", requirement, repr(contamination))
    if references_are_good:
        requirement = 'must be "auto" if references_are_good'
        checks.refuse(_OP, "contamination", requirement, repr(contamination))
