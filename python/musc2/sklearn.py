"""An outlier detector with the methods of scikit-learn, which must be installed.

from musc2.sklearn import MutualScorer

detector = MutualScorer().fit("good_parts")
detector.predict(["new/17.png", "new/18.png"])            # 1 normal, -1 suspicious
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_is_fitted

from musc2 import checks, inputs, verdict
from musc2.config import Config, resolve
from musc2.inputs import Label, Source, containers
from musc2.pipeline import score

_OP = "MutualScorer"
_MODALITIES = ("rgb", "pcd")


class MutualScorer(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """Compare each part with reference parts, patch by patch.

    X is what ``musc2.score`` takes as rgb: a folder, a list of paths, images or arrays,
    (N, H, W, 3), a torch data set; with modality="pcd" what it takes as pcd. Each part is compared
    with the references alone, whatever else X holds.

    Args:
        encoder: As ``encoder_2d`` of ``musc2.score``, or ``encoder_3d`` with modality="pcd".
        modality: "rgb" or "pcd".
        contamination: The share of defective parts among the references, above 0 up to 0.5; "auto"
            takes a break in their scores, as ``result.threshold`` does.
        references_are_good: Whether none of the references is defective; then contamination must be
            "auto", and the threshold is above all of them.
        config: A preset or a ``Config``.
        device: As for ``musc2.score``.

    Attributes:
        reference_scores_: (R,) the score of each reference among the others, as of
            ``score_samples``: higher is more normal, -1 is a typical normal part.
        offset_: Parts that score lower are suspicious.
        unit_: The distance that scores are divided by.

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
        """Keep X as the references, and score each of them among the others; y is ignored."""
        checks.choice(_OP, "modality", self.modality, _MODALITIES)
        _check_contamination(self.contamination, self.references_are_good)
        if containers.is_iterator(X):  # it would be empty the second time
            X = containers.drain(Label(op=_OP, text="X"), cast(Iterable[object], X))
        raw = self._raw_scores(X)
        ordered = np.sort(raw)
        normal = ordered if self.references_are_good else ordered[: (len(ordered) + 1) // 2]
        self.references_ = X
        self.unit_ = float(np.median(normal)) or 1.0
        self.reference_scores_ = -raw / self.unit_
        self.offset_ = self._offset(-self.reference_scores_)
        return self

    def score_samples(self, X: object) -> NDArray[np.float64]:
        """Return (N,): higher is more normal, -1 is a typical normal part."""
        check_is_fitted(self)
        parts = self._sources(X)
        references = {self.modality: self.references_}
        raw = [self._raw_scores([part.read()], references)[0] for part in parts]
        return -np.array(raw) / self.unit_

    def decision_function(self, X: object) -> NDArray[np.float64]:
        """Return (N,): ``score_samples`` above ``offset_``; negative is suspicious."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: object) -> NDArray[np.int64]:
        """Return (N,): 1 for normal parts, -1 for suspicious ones."""
        return _signs(self.decision_function(X))

    def fit_predict(self, X: object, y: object = None) -> NDArray[np.int64]:
        """Return what ``predict`` says of the references, each among the others."""
        self.fit(X)
        return _signs(self.reference_scores_ - self.offset_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags

    def _offset(self, scores: NDArray[np.float64]) -> float:
        if self.contamination != "auto":
            return -float(np.quantile(scores, 1 - cast(float, self.contamination)))
        references = scores if self.references_are_good else None
        return -verdict.threshold(scores, reference_scores=references).value

    def _raw_scores(
        self, parts: object, references: dict[str, object] | None = None
    ) -> NDArray[np.float64]:
        encoder = "encoder_2d" if self.modality == "rgb" else "encoder_3d"
        settings = resolve(_OP, self.config).replace(score_unit="distance")
        result = score(
            **{self.modality: parts, encoder: self.encoder},  # type: ignore[arg-type]
            references=references,
            config=settings,
            device=self.device,
        )
        return result.raw_scores.double().numpy()

    def _sources(self, X: object) -> list[Source[Any]]:
        label = Label(op=_OP, text="X")
        if self.modality == "rgb":
            return list(inputs.list_images(X, label))
        return list(inputs.list_clouds(X, argument=label))


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
