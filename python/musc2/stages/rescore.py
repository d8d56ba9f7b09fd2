"""Image re-scoring (RsCon, RsCIN), docs/method/algorithm.md section 8."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from musc2 import ops
from musc2._transfer import upload
from musc2.by_modality import ByModality
from musc2.ops._support.magnitude import unit
from musc2.stages.mutual import Features


def salient_features(
    z: torch.Tensor, scores: torch.Tensor, inside: torch.Tensor | None = None
) -> torch.Tensor:
    """z: (N, L, C), scores: (N, L) -> (N, C): each sample's feature at its highest score.

    inside: (N, L) bool, the patches among which the highest score is looked for.
    """
    if inside is not None:
        scores = scores.masked_fill(~inside, float("-inf"))
    return z[torch.arange(len(z), device=z.device), scores.argmax(1)].float()


def salient(
    source: ByModality[Features], scores: ByModality[torch.Tensor], inside: torch.Tensor | None
) -> ByModality[torch.Tensor]:
    """Return each sample's most anomalous feature; that of images lies inside its mask."""
    image, points = None, None
    if source.image is not None and scores.image is not None:
        mask = None if inside is None else upload(inside, scores.image.device)
        image = salient_features(source.image.z, scores.image, mask)
    if source.points is not None and scores.points is not None:
        points = salient_features(source.points.z, scores.points)
    return ByModality(image, points)


def rescore(
    scores: torch.Tensor,
    features: Sequence[torch.Tensor],
    neighbors: Sequence[int] = (1, 7),
    *,
    min_max: bool = False,
) -> torch.Tensor:
    """scores: (N,), features: (N, C) of each modality -> (N,), averaged over similar samples.

    Samples are compared by their features side by side, each modality's scaled to length 1 so that
    all weigh the same; with ``min_max``, as published, features are used as they are.
    """
    joined = join_features(features, normalize=not min_max)
    return ops.rescore(joined, scores, neighbors, min_max=min_max)


def join_features(features: Sequence[torch.Tensor], *, normalize: bool) -> torch.Tensor:
    """features: (N, C) of each modality -> (N, sum of C), with ``normalize`` of length 1 each."""
    parts = [unit(part) for part in features] if normalize else list(features)
    return torch.cat(parts, dim=-1)
