"""The features of parts as a bank keeps them, by block: a layer, or a tile of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from musc2._bank.tile_blocks import TileBlocks, layer_names
from musc2._tiles.encoding import TileSet
from musc2._tiles.layout import Layout
from musc2._tiles.scores import TileGroup
from musc2.by_modality import ByModality
from musc2.config import Config
from musc2.encoders import TokenDefaults
from musc2.maps import Frame
from musc2.patch_scores import features_of
from musc2.tokens import Outline, PartSet

Layers = list[tuple[int, ByModality[str]]]
"""The number of each layer of a view and the blocks that hold its features."""
EncoderPairs = Sequence[tuple[int | None, int | None]]
"""The numbers of the image encoder and of the point encoder of each view."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PartFeatures:
    """The features (n, L, C) of n parts by block, and their class tokens (n, D) by view.

    With tiles there is a block for each of them, and the grids of the outlines are a tile's.
    """

    z: Mapping[str, torch.Tensor]
    class_tokens: dict[int, torch.Tensor]
    layers: list[Layers]
    outlines: list[Outline]
    layouts: list[Layout] = field(default_factory=list)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return (L, C) of each block."""
        if isinstance(self.z, TileBlocks):
            return self.z.shapes()
        return {name: tuple(z.shape[1:]) for name, z in self.z.items()}

    def of_part(self, index: int) -> PartFeatures:
        """Return the features of one part, which may be looked at again and again."""
        if isinstance(self.z, TileBlocks):
            z = self.z.of_part(index)
        else:
            z = {name: values[index : index + 1] for name, values in self.z.items()}
        outlines: list[Outline] = []
        for outline in self.outlines:
            clouds = outline.clouds[index : index + 1]
            frames = None if outline.frames is None else outline.frames[index : index + 1]
            outlines.append(replace(outline, count=1, clouds=clouds, frames=frames))
        layouts = self.layouts[index : index + 1]
        return replace(self, z=z, class_tokens={}, outlines=outlines, layouts=layouts)


def part_features(
    parts: PartSet,
    pairs: EncoderPairs,
    defaults: Sequence[ByModality[TokenDefaults]],
    config: Config,
) -> PartFeatures:
    """Return the aggregated features of parts; an encoder's layers occur once, whatever the views.

    pairs and defaults: of each view.
    """
    z: dict[str, torch.Tensor] = {}
    classes: dict[int, torch.Tensor] = {}
    layers: list[Layers] = []
    for number, (view, pair, own) in enumerate(zip(parts.views, pairs, defaults, strict=True)):
        layers.append([])
        for layer in range(view.layers):
            for degree, features in enumerate(features_of(view, layer, own, config)):
                names = _block_names(pair, view.by_modality, layer, view.layers, degree)
                layers[-1].append((layer, names))
                z |= _by_name(names, features)
        if view.class_tokens is not None:
            classes[number] = view.class_tokens
    return PartFeatures(z=z, class_tokens=classes, layers=layers, outlines=parts.outlines)


def tile_features(
    tiles: TileSet,
    frames: list[Frame] | None,
    defaults: Sequence[ByModality[TokenDefaults]],
    config: Config,
    device: str,
) -> PartFeatures:
    """Return the features of parts in tiles, which are aggregated when they are looked at."""
    group = TileGroup(tiles=tiles, rows=list(range(tiles.count)))
    names = layer_names(tiles, defaults, config)
    layers: list[Layers] = []
    outlines: list[Outline] = []
    classes: dict[int, torch.Tensor] = {}
    for view, own in enumerate(names):
        layers.append([(layer, ByModality(image=name)) for name, (layer, _) in own.items()])
        _, height, width = tiles.stores[view].shape[:3]
        outline = Outline(count=tiles.count, grid=(height, width), clouds=[], frames=frames)
        outlines.append(outline)
        class_tokens = tiles.class_tokens[view] if config.rescore_class_tokens else None
        if class_tokens is not None:
            classes[view] = class_tokens
    return PartFeatures(
        z=TileBlocks(group, names, defaults, config, device),
        class_tokens=classes,
        layers=layers,
        outlines=outlines,
        layouts=tiles.layouts,
    )


def _block_names(
    pair: tuple[int | None, int | None],
    tokens: ByModality[torch.Tensor],
    layer: int,
    layers: int,
    degree: int,
) -> ByModality[str]:
    """Return MODALITY.ENCODER.LAYER.DEGREE of each modality, the layer counted in its own."""
    own = tokens.map(lambda values: layer * values.shape[1] // layers)
    return ByModality(
        None if own.image is None else f"image.{pair[0]}.{own.image}.{degree}",
        None if own.points is None else f"points.{pair[1]}.{own.points}.{degree}",
    )


def _by_name(
    names: ByModality[str], features: ByModality[torch.Tensor]
) -> Mapping[str, torch.Tensor]:
    return dict(zip(names.values(), features.values(), strict=True))
