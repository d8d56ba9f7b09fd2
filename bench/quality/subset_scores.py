"""The scores of any subset of a set of images, from distances that are computed once.

Scores depend on the set that a part is in. ``musc2.score`` of each drawn subset would repeat the
search for nearest patches, which is all of the time; distances between two parts do not depend on
the others, for encoders that learn nothing.
"""

from __future__ import annotations

import torch

import musc2
from bench.quality.images import CachingEncoder, LabeledImages
from musc2 import Config, ops
from musc2.maps import Frame, Maps, PatchLayer
from musc2.stages import aggregate, mutual, rescore


class SubsetScores:
    """Distances between all images of a set, and what the scores of a subset need with them."""

    def __init__(self, images: LabeledImages, encoder: str) -> None:
        cached = CachingEncoder(musc2.encoders.load(encoder))
        self.whole = musc2.score(images.paths, encoder_2d=cached)
        self.grid = self.whole.patch_scores_2d.shape[1:]
        self.config = Config()
        tokens = cached.all_tokens()
        defaults = cached.token_defaults.override(self.config)
        self.distances, self.features = [], []
        for layer in range(tokens.shape[1]):
            (z,) = aggregate.image_features(
                tokens[:, layer], defaults.degrees, normalize=defaults.normalize
            )
            features = mutual.Features(z=z)
            self.features.append(z)
            self.distances.append(mutual.distances(features, torch.arange(len(z))).half())

    def score(self, rows: torch.Tensor) -> tuple[torch.Tensor, Maps]:
        """Return the scores (n,) and maps of the images ``rows``, scored on their own."""
        patches = torch.zeros(len(rows), self.grid[0] * self.grid[1])
        for distances in self.distances:
            own = distances[rows][:, :, rows].float()
            patches += ops.lowest_mean(own, self.config.mutual_interval)
        patches /= len(self.distances)
        layer = PatchLayer(scores=patches.reshape(len(rows), *self.grid))
        frames = [self.whole.maps.frames[row] for row in rows.tolist()]
        maps = Maps(
            [layer], [Frame(working=frame.working, input=frame.working) for frame in frames]
        )
        z = self.features[max(len(self.features) - 2, 0)][rows]
        salient = rescore.salient_features(z, patches)
        scores = rescore.rescore(maps.peaks(), [salient], self.config.rescore_neighbors)
        return scores, maps

    def against(self, rows: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
        """Return the raw scores (n,) of images compared with references alone."""
        patches = torch.zeros(len(rows), self.grid[0] * self.grid[1])
        for distances in self.distances:
            own = distances[rows][:, :, references].float()
            patches += ops.lowest_mean(own, self.config.mutual_interval)
        return (patches / len(self.distances)).amax(1)

    def check(self) -> None:
        """Raise unless the scores of all images are those of ``musc2.score``."""
        scores, _ = self.score(torch.arange(len(self.whole)))
        torch.testing.assert_close(scores, self.whole.scores, rtol=1e-3, atol=0)
