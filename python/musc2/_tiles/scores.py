"""The scores of the patches of tiled images, docs/method/algorithm.md sections 4 to 6.

Each position of a tile is scored across the parts like a small image. What follows sees one grid of
patches for each whole image: where tiles overlap, the most central tile's patch is in it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from musc2 import ops
from musc2._tiles.encoding import TileSet
from musc2._tiles.layout import neighbors
from musc2._tiles.store import TokenStore
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
        task = _View(samples, references, view, own, config, timer, device)
        patches.append(task.scores(frames, levels[view] if levels else None))
        outlines.append(Outline(count=samples.count, grid=task.cells, clouds=[], frames=frames))
        classes = samples.tiles.class_tokens[view] if config.rescore_class_tokens else None
        class_tokens.append(None if classes is None else classes[samples.rows])
    return ScoredParts(patches=patches, outlines=outlines, class_tokens=class_tokens)


class _View:
    """The scoring of one view: an encoder's tokens of all positions."""

    def __init__(
        self,
        samples: TileGroup,
        references: TileGroup,
        view: int,
        defaults: ByModality[TokenDefaults],
        config: Config,
        timer: StageTimer,
        device: str,
    ) -> None:
        self._samples, self._references, self._number = samples, references, view
        self._defaults, self._config, self._timer = defaults, config, timer
        self._device = device
        self._store: TokenStore = samples.tiles.stores[view]
        _, height, width = self._store.shape[:3]
        self._patches = (height, width)
        self._layouts = [samples.tiles.layouts[row] for row in samples.rows]
        self.cells = self._layouts[0].cells(self._patches)
        self._subsets = subsets.split(samples.count, config.subset_count, config.seed)

    def scores(self, frames: Sequence[Frame], levels: Levels | None) -> PatchScores:
        """Return the scores (N, h * w) of the whole grid."""
        first_tile = self._layers(0)
        first_layer = next(first_tile)
        copied = None if self._config.mutual_copies else self._copies(first_layer)
        first_tile = itertools.chain([first_layer], first_tile)
        del first_layer
        tiles, shape = self._store.tiles, self._layouts[0].shape
        scored: list[torch.Tensor] = []
        for tile in range(tiles):
            near = neighbors(shape, tile, self._config.tile_neighbors)
            own_layers = first_tile if tile == 0 else self._layers(tile)
            layered = [own_layers, *map(self._layers, near)]
            for number, (own, *near_features) in enumerate(zip(*layered, strict=True)):
                with self._timer.stage("mutual"):
                    values = self._tile_scores(own, near_features, copied)
                if len(scored) <= number:
                    scored.append(torch.empty(len(values), tiles, values.shape[1]))
                scored[number][:, tile] = values.cpu()
            self._timer.step("mutual", tile + 1, tiles)
        sources = torch.stack([own.sources(self.cells, self._patches) for own in self._layouts])
        stitched = [ByModality(image=own.flatten(1).gather(1, sources)) for own in scored]
        units = levels.layers if levels else layers.units(stitched)
        rules = self._defaults.map(lambda values: values.layer_fusion)
        means = layers.together(stitched, rules, units)
        own_levels = Levels(layers=units, medians=[None] * len(stitched))
        salient = ByModality(image=self._salient(_image(means), sources, frames))
        return PatchScores(
            scores=means, salient=salient, find_matches=None, copies=copied, levels=own_levels
        )

    def _layers(self, tile: int) -> Iterator[Features]:
        """Yield the features of each layer, or of its degrees, of one position."""
        with self._timer.stage("read"):
            own = self._samples.tokens(self._number, tile, self._device)
            reference_tokens = self._references.tokens(self._number, tile, self._device)
        for layer in range(own.layers):
            with self._timer.stage("aggregate"):  # section 4
                features = features_of(own, layer, self._defaults, self._config)
                references: list[ByModality[torch.Tensor]] = []
                if reference_tokens.count:
                    references = features_of(
                        reference_tokens, layer, self._defaults, self._config, own.layers
                    )
            for index, z in enumerate(features):
                keys = references[index] if references else ByModality[torch.Tensor]()
                yield _image(searched(z, keys, own.grid, self._config))

    def _copies(self, features: Features) -> torch.Tensor | None:
        """Return which parts are copies in every tile; None if there are none.

        features: the first layer of the first tile. That of others is only looked at while there
        may be copies.
        """
        copied: torch.Tensor | None = None
        for tile in range(self._store.tiles):
            if tile > 0:
                features = next(self._layers(tile))
            with self._timer.stage("mutual"):
                own = copies_of(ByModality(image=features))
            if own is None:
                return None
            copied = own if copied is None else copied & own
            if not bool(copied.any()):
                return None
        return copied

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

    def _salient(
        self, scores: torch.Tensor, sources: torch.Tensor, frames: Sequence[Frame]
    ) -> torch.Tensor:
        """Return the feature (N, C) of the highest cell of each part, within its mask."""
        config, defaults = self._config, self._defaults
        if all(frame.mask is not None for frame in frames):
            masks = [
                shrink_mask(frame.mask, self.cells) for frame in frames if frame.mask is not None
            ]
            scores = scores.masked_fill(~torch.stack(masks).flatten(1), float("-inf"))
        patches = sources.gather(1, scores.argmax(1, keepdim=True))[:, 0].tolist()
        size = self._patches[0] * self._patches[1]
        salient: list[torch.Tensor] = []
        for row, patch in zip(self._samples.rows, patches, strict=True):
            tokens = Tokens(image=self._store.read(patch // size, [row]).to(self._device))
            layer = max(tokens.layers - 2, 0)  # section 8: second to last
            (z, *_) = features_of(tokens, layer, defaults, config)
            salient.append(_image(z)[0, patch % size])
        return torch.stack(salient)


def _image(values: ByModality[T]) -> T:
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
