"""Bring the scores of an encoder's layers together, docs/method/algorithm.md section 5."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from musc2.by_modality import ByModality

Units = ByModality[torch.Tensor]
"""The score of the median patch in each layer, (layers,) of each modality."""


def units(scored: Sequence[ByModality[torch.Tensor]]) -> Units:
    """Return the unit of each layer's scores (N, L), one item of ``scored`` for each layer."""
    return _stacked(scored).map(lambda layers: layers.flatten(1).median(1).values)


def together(
    scored: Sequence[ByModality[torch.Tensor]], rules: ByModality[str], layer_units: Units
) -> ByModality[torch.Tensor]:
    """Return the scores (N, L) of all layers together, by each modality's rule.

    Distances of layers are no scores of one scale: in their "mean", the layer with the longest
    decides. In units of the median patch each has the same say: "balanced" is their mean then,
    "highest" the highest of each patch, since a defect may show in one layer only. The unit of what
    is returned is the mean of the layers' units.
    """
    stacked = _stacked(scored).combine(lambda layers, own: (layers, own), layer_units)
    return stacked.combine(lambda pair, rule: _together(*pair, rule), rules)


def _together(layers: torch.Tensor, own: torch.Tensor, rule: str) -> torch.Tensor:
    plain = layers.mean(0)
    if rule == "mean" or len(layers) == 1:
        return plain
    scaled = layers / own[:, None, None] * own.mean()
    fused = scaled.amax(0) if rule == "highest" else scaled.mean(0)
    # A unit of 0: most patches are without any difference. A GPU is not asked whether there is one.
    return torch.where((own > 0).all(), fused, plain)


def _stacked(scored: Sequence[ByModality[torch.Tensor]]) -> ByModality[torch.Tensor]:
    image = [own.image for own in scored if own.image is not None]
    points = [own.points for own in scored if own.points is not None]
    return ByModality(
        torch.stack(image) if image else None, torch.stack(points) if points else None
    )
