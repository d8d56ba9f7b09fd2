"""Scores at points and the layers of maps, docs/method/algorithm.md section 7.

``musc2.maps`` renders the maps themselves, when they are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import torch

from musc2 import ops
from musc2._transfer import download, upload
from musc2.by_modality import ByModality
from musc2.cloud import Cloud, center_points
from musc2.maps import Frame, Layer, Maps, PatchLayer, PointLayer
from musc2.stages.image_scores import highest_mean, highest_means, highest_means_of_all


@dataclass(frozen=True, kw_only=True, eq=False)
class MapPeaks:
    """The score of each part, (N,), and where its map is highest: the value there, and the pixel.

    pixels: row * width + column at the working size; clouds without a map have 0.
    """

    scores: torch.Tensor
    values: torch.Tensor
    pixels: torch.Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Anomaly:
    """The fused scores of parts: of patches, groups and points, and what maps are rendered from."""

    patch_scores_2d: torch.Tensor | None
    patch_scores_3d: torch.Tensor | None
    point_scores: list[torch.Tensor] | None
    layers: ByModality[Layer]
    frames: list[Frame] | None
    share: float = 0.0

    def peaks(self) -> torch.Tensor:
        """Return the score of each part, (N,): the mean of the highest ``share`` of its values."""
        return self.map_peaks().scores

    def map_peaks(self) -> MapPeaks:
        """Return ``peaks``, and where the maps peak."""
        if self.frames is not None:
            return self._peaks(self.layers.values(), self.frames)
        values = self.point_scores or []
        if values and values[0].is_cuda:
            scores = highest_means_of_all(values, self.share)
        else:
            scores = torch.stack([highest_mean(own, self.share) for own in values])
        pixels = torch.zeros_like(scores, dtype=torch.int64)
        return MapPeaks(scores=scores, values=scores, pixels=pixels)

    def modality_peaks(self) -> ByModality[torch.Tensor]:
        """Return the score of each part in each modality."""
        frames = self.frames
        if frames is None:
            return ByModality(points=self.peaks())
        return self.layers.map(lambda layer: self._peaks([layer], frames).scores)

    def _peaks(self, layers: Sequence[Layer], frames: list[Frame]) -> MapPeaks:
        scores: list[torch.Tensor] = []
        values: list[torch.Tensor] = []
        pixels: list[torch.Tensor] = []
        for maps in Maps(layers, frames).batches():
            highest = maps.flatten(1).max(1)
            scores.append(highest_means(maps, self.share) if self.share else highest.values)
            values.append(highest.values)
            pixels.append(highest.indices)
        return MapPeaks(
            scores=torch.cat(scores), values=torch.cat(values), pixels=torch.cat(pixels)
        )

    def on_cpu(self, *further: torch.Tensor) -> tuple[Anomaly, list[torch.Tensor]]:
        """Return the scores and ``further`` tensors on the CPU; a GPU is waited for once."""
        image, points = self.layers.image, self.layers.points
        queue = list(further)
        if isinstance(image, PatchLayer) and self.patch_scores_2d is not None:
            queue += [self.patch_scores_2d, image.scores, *image.further]
        if self.point_scores is not None and self.patch_scores_3d is not None:
            queue += [self.patch_scores_3d, torch.cat(self.point_scores)]
        tensors = download(*queue)
        copied = self
        if self.point_scores is not None and self.patch_scores_3d is not None:
            lengths = [len(own) for own in self.point_scores]
            scores = list(torch.split(tensors.pop(), lengths))
            copied = replace(copied, patch_scores_3d=tensors.pop(), point_scores=scores)
            if isinstance(points, PointLayer):
                points = replace(points, scores=scores)
        if isinstance(image, PatchLayer) and self.patch_scores_2d is not None:
            first = len(further)
            copied = replace(copied, patch_scores_2d=tensors[first])
            image = PatchLayer(scores=tensors[first + 1], further=tuple(tensors[first + 2 :]))
        return replace(copied, layers=ByModality(image, points)), tensors[: len(further)]


def render(
    scores: ByModality[list[torch.Tensor]],
    clouds: Sequence[Cloud],
    frames: list[Frame] | None,
    *,
    sigma: float = 4.0,
    quantized: bool = False,
    share: float = 0.0,
) -> Anomaly:
    """Return scores (N, h, w) of patches and (N, G) of groups as maps and scores at points.

    Each list adds up.
    """
    image: Layer | None = None
    points: Layer | None = None
    patch_scores_2d, patch_scores_3d, values = None, None, None
    if scores.image is not None:
        image = PatchLayer(scores=scores.image[0], further=tuple(scores.image[1:]))
        patch_scores_2d = image.at_finest_grid()
    if scores.points is not None:
        patch_scores_3d = torch.stack(scores.points).sum(0)
        values = point_scores(patch_scores_3d, clouds)
        points = point_layer(values, clouds, sigma=sigma, quantized=quantized)
    return Anomaly(
        patch_scores_2d=patch_scores_2d,
        patch_scores_3d=patch_scores_3d,
        point_scores=values,
        layers=ByModality(image, points),
        frames=frames,
        share=share,
    )


def point_scores(scores: torch.Tensor, clouds: Sequence[Cloud]) -> list[torch.Tensor]:
    """scores: (N, G) at the centers -> N vectors (P,).

    Each point takes the inverse-distance mean of its 3 nearest centers.
    """
    groups = scores.shape[1]
    lengths = [len(cloud.points) for cloud in clouds]
    spread = ops.spread_points(
        upload(torch.cat([cloud.points for cloud in clouds]), scores.device),
        upload(center_points(clouds), scores.device),
        scores.flatten(),
        offsets=[0, *accumulate(lengths)],
        center_offsets=list(range(0, groups * len(clouds) + 1, groups)),
    )
    return list(torch.split(spread, lengths))


def point_layer(
    scores: list[torch.Tensor],
    clouds: Sequence[Cloud],
    *,
    sigma: float = 4.0,
    quantized: bool = False,
) -> PointLayer:
    """scores: (P,) per sample -> what its map is rendered from. Clouds must have pixels."""
    pixels, sizes = [], []
    for cloud in clouds:
        if cloud.pixels is not None and cloud.size is not None:
            pixels.append(cloud.pixels)
            sizes.append(cloud.size)
    return PointLayer(scores=scores, pixels=pixels, sizes=sizes, sigma=sigma, quantized=quantized)


def scatter(values: torch.Tensor, rows: torch.Tensor | None, count: int) -> torch.Tensor:
    """values: (P,) of the points ``rows`` of a cloud -> (count,), 0 at the others."""
    scattered = torch.zeros(count)
    scattered[slice(None) if rows is None else rows] = values
    return scattered
