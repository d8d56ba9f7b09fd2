"""The features of the tiles of parts, by the names of the blocks that a bank keeps them in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch

from musc2._tiles.encoding import TileSet
from musc2._tiles.scores import TileGroup, image_of
from musc2.by_modality import ByModality
from musc2.config import Config
from musc2.encoders import TokenDefaults
from musc2.patch_scores import features_of


def block_name(name: str, tile: int | None) -> str:
    """Return the name of the block of one tile, that of the layer where images are whole."""
    return name if tile is None else f"{name}.tile{tile}"


def layer_name(block: str) -> str:
    """Return the name of the layer that a block belongs to."""
    return block.split(".tile")[0]


class TileBlocks(Mapping[str, torch.Tensor]):
    """Features (n, L, C) by block, aggregated from their tokens whenever they are looked at.

    names: of each view, the numbers of the layer and of the degree by the layer's name.
    """

    def __init__(
        self,
        group: TileGroup,
        names: Sequence[Mapping[str, tuple[int, int]]],
        defaults: Sequence[ByModality[TokenDefaults]],
        config: Config,
        device: str,
    ) -> None:
        self._group, self._names, self._defaults = group, names, defaults
        self._config, self._device = config, device
        self._places: dict[str, tuple[int, int, str]] = {}
        for view, own in enumerate(names):
            for tile in range(group.tiles.stores[view].tiles):
                for name in own:
                    self._places[block_name(name, tile)] = (view, tile, name)

    def of_part(self, index: int) -> dict[str, torch.Tensor]:
        """Return the features (1, L, C) of one part, which are kept."""
        group = TileGroup(tiles=self._group.tiles, rows=[self._group.rows[index]])
        return dict(TileBlocks(group, self._names, self._defaults, self._config, self._device))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return (L, C) of each block; all tiles have those of the first."""
        first: dict[str, tuple[int, ...]] = {}
        group = TileGroup(tiles=self._group.tiles, rows=self._group.rows[:1])
        own = TileBlocks(group, self._names, self._defaults, self._config, self._device)
        shapes: dict[str, tuple[int, ...]] = {}
        for block, (_, _, name) in self._places.items():
            if name not in first:
                first[name] = tuple(own[block].shape[1:])
            shapes[block] = first[name]
        return shapes

    def __getitem__(self, block: str) -> torch.Tensor:
        view, tile, name = self._places[block]
        layer, degree = self._names[view][name]
        tokens = self._group.tokens(view, tile, self._device)
        return image_of(features_of(tokens, layer, self._defaults[view], self._config)[degree])

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def layer_names(
    tiles: TileSet, defaults: Sequence[ByModality[TokenDefaults]], config: Config
) -> list[dict[str, tuple[int, int]]]:
    """Return the numbers of the layer and of the degree by the layer's name, for each view."""
    names: list[dict[str, tuple[int, int]]] = []
    for view, own in enumerate(defaults):
        names.append({})
        degrees = len(image_of(own).degrees) if config.aggregate_separately else 1
        for layer in range(tiles.stores[view].shape[0]):
            for degree in range(degrees):
                names[view][f"image.{view}.{layer}.{degree}"] = (layer, degree)
    return names
