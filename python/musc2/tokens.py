"""The tokens of a set of samples, from encoders or from the user."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch

from musc2.by_modality import ByModality
from musc2.cloud import Cloud
from musc2.maps import Frame


@dataclass(frozen=True, kw_only=True, eq=False)
class Outline:
    """Where the patches (h, w) and groups of ``count`` parts lie, and the sizes of their maps."""

    count: int
    grid: tuple[int, int] | None
    clouds: list[Cloud]
    frames: list[Frame] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Tokens:
    """image: (N, layers, h, w, C) and/or points: (N, layers, G, C) with one cloud per sample.

    class_tokens: (N, D), one per image, if the encoder has any.
    """

    image: torch.Tensor | None = None
    points: torch.Tensor | None = None
    clouds: list[Cloud] = field(default_factory=list)
    class_tokens: torch.Tensor | None = None

    @property
    def by_modality(self) -> ByModality[torch.Tensor]:
        """The token tensors."""
        return ByModality(self.image, self.points)

    @property
    def count(self) -> int:
        """The number of samples N; 0 when there are no tokens."""
        return max(map(len, self.by_modality.values()), default=0)

    @property
    def layers(self) -> int:
        """The number of layers, of the modality that has more."""
        return max(tokens.shape[1] for tokens in self.by_modality.values())

    @property
    def grid(self) -> tuple[int, int] | None:
        """The grid (h, w) of the image tokens."""
        return None if self.image is None else (self.image.shape[2], self.image.shape[3])

    def outline(self, frames: list[Frame] | None) -> Outline:
        """Return where the patches and groups lie, with the sizes of the maps."""
        return Outline(count=self.count, grid=self.grid, clouds=self.clouds, frames=frames)

    def subset(self, rows: list[int]) -> Tokens:
        """Return the tokens of some of the samples."""
        return replace(
            self,
            image=None if self.image is None else self.image[rows],
            points=None if self.points is None else self.points[rows],
            clouds=[self.clouds[row] for row in rows] if self.clouds else [],
            class_tokens=None if self.class_tokens is None else self.class_tokens[rows],
        )

    def layer(self, index: int, layers: int) -> ByModality[torch.Tensor]:
        """Return one layer of each modality, (N, h, w, C) and (N, G, C).

        ``index`` counts to ``layers``, those of the modality that has more; each layer of the other
        one meets several of them in a row.
        """
        return self.by_modality.map(lambda tokens: tokens[:, index * tokens.shape[1] // layers])


@dataclass(frozen=True, kw_only=True, eq=False)
class PartSet:
    """The tokens of a set of parts in each view, one pair of encoders each, and their maps' sizes.

    frames: the sizes and masks of the maps, None for clouds without pixels.
    """

    views: list[Tokens]
    frames: list[Frame] | None = None

    @property
    def count(self) -> int:
        """The number of parts."""
        return self.views[0].count if self.views else 0

    @property
    def outlines(self) -> list[Outline]:
        """Where the patches and groups of each view lie."""
        return [view.outline(self.frames) for view in self.views]

    def subset(self, rows: list[int]) -> PartSet:
        """Return some of the parts."""
        if rows == list(range(self.count)):
            return self
        frames = None if self.frames is None else [self.frames[row] for row in rows]
        return PartSet(views=[view.subset(rows) for view in self.views], frames=frames)

    def thinned(self, most: int) -> PartSet:
        """Return at most ``most`` of the parts, evenly spread."""
        return self.subset(spread_rows(self.count, most))


def spread_rows(count: int, most: int) -> list[int]:
    """Return at most ``most`` of ``count`` rows, evenly spread.

    >>> spread_rows(9, 3)
    [0, 4, 8]
    """
    if count <= most:
        return list(range(count))
    rows: list[int] = torch.linspace(0, count - 1, most).round().int().tolist()
    return rows
