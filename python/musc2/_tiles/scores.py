"""The scores of the patches of tiled images, docs/method/algorithm.md sections 4 to 6.

Each position of a tile is scored across the parts like a small image. What follows sees one grid of
patches for each whole image: where tiles overlap, the most central tile's patch is in it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch

from musc2 import ops
from musc2._tiles.encoding import TileSet
from musc2._tiles.layout import Layout, neighbors
from musc2.by_modality import ByModality
from musc2.config import Config
from musc2.encoders import TokenDefaults
from musc2.maps import Frame, shrink_mask
from musc2.method import ScoredParts
from musc2.patch_scores import Levels, PatchScores, copies_of, features_of, searched
from musc2.progress import StageTimer
from musc2.stages import copies, layers, mutual, subsets
from musc2.stages.mutual import Features
from musc2.tokens import Outline, Tokens

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, eq=False)
class TileGroup:
    """Some parts of a set: the samples, the references, or those that are scored as samples."""

    tiles: TileSet
    rows: list[int]

    @property
    def count(self) -> int:
        """The number of parts."""
        return len(self.rows)

    def tokens(self, view: int, tile: int, device: str) -> Tokens:
        """Return the tokens of one position of all parts."""
        if not self.rows:
            return Tokens()
        return Tokens(image=self.tiles.stores[view].read(tile, self.rows).to(device))


class TileFeatures(Protocol):
    """The features of some parts in one view, tile by tile."""

    @property
    def layouts(self) -> Sequence[Layout]:
        """Where the tiles of each part lie."""
        ...

    @property
    def patches(self) -> tuple[int, int]:
        """The grid (h, w) of a tile."""
        ...

    def layers(self, tile: int) -> Iterator[Features]:
        """Yield the features of each layer, or of its degrees, of one position."""
        ...

    def salient(self, part: int, tile: int, patch: int) -> torch.Tensor:
        """Return the feature (C,) of one patch in the second to last layer, section 8."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenFeatures:
    """Features that are aggregated from tokens when they are looked at."""

    samples: TileGroup
    references: TileGroup
    view: int
    defaults: ByModality[TokenDefaults]
    config: Config
    timer: StageTimer
    device: str

    @property
    def layouts(self) -> list[Layout]:
        """Where the tiles of each sample lie."""
        return [self.samples.tiles.layouts[row] for row in self.samples.rows]

    @property
    def patches(self) -> tuple[int, int]:
        """The grid (h, w) of a tile."""
        _, height, width = self.samples.tiles.stores[self.view].shape[:3]
        return height, width

    def layers(self, tile: int) -> Iterator[Features]:
        """Yield the features of each layer, or of its degrees, of one position."""
        with self.timer.stage("read"):
            own = self.samples.tokens(self.view, tile, self.device)
            reference_tokens = self.references.tokens(self.view, tile, self.device)
        for layer in range(own.layers):
            with self.timer.stage("aggregate"):  # section 4
                features = features_of(own, layer, self.defaults, self.config)
                references: list[ByModality[torch.Tensor]] = []
                if reference_tokens.count:
                    references = features_of(
                        reference_tokens, layer, self.defaults, self.config, own.layers
                    )
            for index, z in enumerate(features):
                keys = references[index] if references else ByModality[torch.Tensor]()
                yield image_of(searched(z, keys, own.grid, self.config))

    def salient(self, part: int, tile: int, patch: int) -> torch.Tensor:
        """Return the feature (C,) of one patch in the second to last layer, section 8."""
        row = self.samples.rows[part]
        store = self.samples.tiles.stores[self.view]
        tokens = Tokens(image=store.read(tile, [row]).to(self.device))
        layer = max(tokens.layers - 2, 0)
        (z, *_) = features_of(tokens, layer, self.defaults, self.config)
        return image_of(z)[0, patch]


def scored_parts(
    samples: TileGroup,
    references: TileGroup,
    defaults: Sequence[ByModality[TokenDefaults]],
    config: Config,
    timer: StageTimer,
    frames: list[Frame],
    levels: Sequence[Levels],
    device: str,
) -> ScoredParts:
    """Return the scores of the samples in each view, compared with each other and references."""
    patches: list[PatchScores] = []
    outlines: list[Outline] = []
    class_tokens: list[torch.Tensor | None] = []
    for view, own in enumerate(defaults):
        features = TokenFeatures(
            samples=samples,
            references=references,
            view=view,
            defaults=own,
            config=config,
            timer=timer,
            device=device,
        )
        cells = features.layouts[0].cells(features.patches)
        outlines.append(Outline(count=samples.count, grid=cells, clouds=[], frames=frames))
        task = ViewScoring(features, outlines[-1], own, config, timer)
        patches.append(task.scores(levels[view] if levels else None))
        classes = samples.tiles.class_tokens[view] if config.rescore_class_tokens else None
        class_tokens.append(None if classes is None else classes[samples.rows])
    return ScoredParts(patches=patches, outlines=outlines, class_tokens=class_tokens)


class ViewScoring:
    """The scoring of one view: an encoder's features of all positions.

    outline: of the whole images, with their grid and the sizes of their maps.
    """

    def __init__(
        self,
        features: TileFeatures,
        outline: Outline,
        defaults: ByModality[TokenDefaults],
        config: Config,
        timer: StageTimer,
    ) -> None:
        if outline.grid is None or outline.frames is None:
            msg = "tiles are of images, which have a grid and maps"
            raise ValueError(msg)
        self._features, self._cells, self._frames = features, outline.grid, outline.frames
        self._defaults, self._config, self._timer = defaults, config, timer
        self._layouts = features.layouts
        self._shape = self._layouts[0].shape
        self._tiles = math.prod(self._shape)
        count = len(self._layouts)
        self._subsets = subsets.split(count, config.subset_count, config.seed)

    def scores(self, levels: Levels | None) -> PatchScores:
        """Return the scores (N, h * w) of the whole grid."""
        first_tile = self._features.layers(0)
        first_layer = next(first_tile)
        copied: torch.Tensor | None = None
        if not self._config.mutual_copies:
            copied = copied_tiles(self._features, self._timer, first_layer)
        first_tile = itertools.chain([first_layer], first_tile)
        del first_layer
        scored: list[torch.Tensor] = []
        for tile in range(self._tiles):
            near = neighbors(self._shape, tile, self._config.tile_neighbors)
            own_layers = first_tile if tile == 0 else self._features.layers(tile)
            layered = [own_layers, *map(self._features.layers, near)]
            for number, (own, *near_features) in enumerate(zip(*layered, strict=True)):
                with self._timer.stage("mutual"):
                    values = self._tile_scores(own, near_features, copied)
                if len(scored) <= number:
                    scored.append(torch.empty(len(values), self._tiles, values.shape[1]))
                scored[number][:, tile] = values.cpu()
            self._timer.step("mutual", tile + 1, self._tiles)
        patches = self._features.patches
        sources = torch.stack([own.sources(self._cells, patches) for own in self._layouts])
        stitched = [ByModality(image=own.flatten(1).gather(1, sources)) for own in scored]
        units = levels.layers if levels else layers.units(stitched)
        rules = self._defaults.map(lambda values: values.layer_fusion)
        means = layers.together(stitched, rules, units)
        own_levels = Levels(layers=units, medians=[None] * len(stitched))
        salient = ByModality(image=self._salient(image_of(means), sources))
        return PatchScores(
            scores=means, salient=salient, find_matches=None, copies=copied, levels=own_levels
        )

    def _tile_scores(
        self, features: Features, near: Sequence[Features], copied: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the scores (N, L) of one position in one layer: section 5, MSM."""
        scores = features.z.new_empty(features.z.shape[:2])
        for subset in self._subsets:
            own = features.subset(subset)
            near_features = [part.subset(subset) for part in near]
            left_out = None if copied is None else copies.within(copied, subset)
            for rows in mutual.panels(ByModality(image=own), self._config.memory):
                d = mutual.distances(own, rows)
                for other in near_features:
                    _lower(d, own, other, rows)
                if left_out is not None:
                    copies.leave_out(d, left_out[rows])
                scores[subset[rows]] = ops.lowest_mean(d, self._config.mutual_interval)
        return scores

    def _salient(self, scores: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
        """Return the feature (N, C) of the highest cell of each part, within its mask."""
        masks: list[torch.Tensor] = []
        for frame in self._frames:
            if frame.mask is not None:
                masks.append(shrink_mask(frame.mask, self._cells))
        if len(masks) == len(self._frames):
            scores = scores.masked_fill(~torch.stack(masks).flatten(1), float("-inf"))
        patches = sources.gather(1, scores.argmax(1, keepdim=True))[:, 0].tolist()
        size = math.prod(self._features.patches)
        salient: list[torch.Tensor] = []
        for part, patch in enumerate(patches):
            salient.append(self._features.salient(part, *divmod(patch, size)))
        return torch.stack(salient)


def copied_tiles(
    features: TileFeatures, timer: StageTimer, first: Features | None = None
) -> torch.Tensor | None:
    """Return which parts are copies in every tile, see ``stages.copies``; None if there are none.

    first: the first layer of the first tile, if it is at hand. Further tiles are only looked at
    while there may be copies.
    """
    copied: torch.Tensor | None = None
    for tile in range(math.prod(features.layouts[0].shape)):
        layer = first if tile == 0 and first is not None else next(features.layers(tile))
        with timer.stage("mutual"):
            own = copies_of(ByModality(image=layer))
        if own is None:
            return None
        copied = own if copied is None else copied & own
        if not bool(copied.any()):
            return None
    return copied


def image_of(values: ByModality[T]) -> T:
    """Return the value of images, which all tiles are."""
    (value,) = values.values()
    return value


def _lower(d: torch.Tensor, own: Features, other: Features, rows: torch.Tensor) -> None:
    """Lower the distances d (n, L, K) to what the parts have at another position."""
    z = own.z[rows]
    nearest = ops.nearest_patches(z, references=other.z, precision=own.precision)
    nearest[torch.arange(len(rows)), :, rows] = float("inf")
    if other.references is not None:
        keys = other.references
        further = ops.nearest_patches(z, references=keys, precision=own.precision)
        nearest = torch.cat([nearest, further], dim=-1)
    torch.minimum(d, nearest, out=d)
